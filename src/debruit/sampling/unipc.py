"""UniPC: a predictor whose next evaluation also corrects the step just made."""

import math
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from torch import Tensor

from debruit.sampling.dpmpp_2m import extrapolate
from debruit.sampling.sampler import level


class _Past(NamedTuple):
    """The step just made, kept until the evaluation at its end corrects it."""

    x: Tensor  # where it started
    x0: Tensor  # the estimate there
    h: float  # its length in log(alpha / sigma)
    before: Any  # (x_0, h) of the step before it, or None
    sigma: float  # where it started


@dataclass(frozen=True, kw_only=True)
class UniPC:
    """UniPC-2 with B(h) = e^h - 1 in the data prediction (Zhao et al. 2023, algorithms 5 to 8): DPM-Solver++ 2M predicts, and the estimate at the
    end of the step, which the next step needs anyway, corrects it to third order. One evaluation a step."""

    order: ClassVar[int] = 3
    stochastic: ClassVar[bool] = False

    def init(self, x):
        return None

    def evaluations(self, steps: int) -> int:
        return steps

    def step(self, denoise, process, x, t, s, state, noise):
        here, there = level(process, t), level(process, s)
        x0 = denoise(x, t).x0
        if state is not None:
            x = _correct(x, x0, state, here.alpha, here.sigma)
        h = there.half_log_snr - here.half_log_snr
        before = None if state is None else (state.x0, state.h)
        estimate = extrapolate(x0, before, h)
        predicted = there.sigma / here.sigma * x - there.alpha * math.expm1(-h) * estimate
        return predicted, _Past(x, x0, h, before, here.sigma)


def _correct(x: Tensor, x0: Tensor, past: _Past, alpha: float, sigma: float) -> Tensor:
    """The step ending at (alpha, sigma) made again, with x_0 there known: a polynomial through up to three estimates, integrated exactly
    against the exponential kernel."""
    h = past.h
    if math.isinf(h):
        return x
    # x_s = (sigma_s/sigma_t) x_t + alpha_s int_0^h e^{u-h} D(u) du with D(u) = D_0 + D_1 u + D_2 u^2 about the start of the step
    m0 = -math.expm1(-h)
    m1 = h - m0
    m2 = h * h - 2 * m1
    rise = (x0 - past.x0) / h
    if past.before is None or math.isinf(past.before[1]):
        integral = m0 * past.x0 + m1 * rise
    else:
        previous, k = past.before
        fall = (past.x0 - previous) / k
        curve = (rise - fall) / (h + k)
        integral = m0 * past.x0 + m1 * (rise - curve * h) + m2 * curve
    return sigma / past.sigma * past.x + alpha * integral
