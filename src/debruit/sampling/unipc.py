"""UniPC: a predictor whose next evaluation also corrects the step just made."""

import math
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from torch import Tensor

from debruit.diffusion.process import Process
from debruit.sampling.dpmpp_2m import Past, extrapolate
from debruit.sampling.sampler import Denoise, Noise, Sampler, level


class Step(NamedTuple):
    """The step just made, kept until the evaluation at its end corrects it."""

    x_t: Tensor  # at its start
    x0: Tensor  # the estimate at its start
    h: float  # its length in lambda = log(alpha / sigma)
    before: Past | None  # (x0_hat, h) of the step before it
    sigma_t: float  # at its start


@dataclass(frozen=True, kw_only=True)
class UniPC(Sampler):
    """UniPC-2 with B(h) = e^h - 1 in data prediction: DPM-Solver++ 2M predicts, and the estimate at the end of the
    step, which the next step needs anyway, corrects it to third order. One evaluation per step.

    Zhao et al. 2023, algorithms 5 to 8, https://arxiv.org/abs/2302.04867
    """

    order: ClassVar[int] = 3
    stochastic: ClassVar[bool] = False

    def step(
        self, denoise: Denoise, process: Process, x_t: Tensor, t: float, s: float, state: Step | None, noise: Noise
    ) -> tuple[Tensor, Step]:
        at_t, at_s = level(process, t), level(process, s)
        x0 = denoise(x_t, t).x0
        if state is not None:
            x_t = corrected(x_t, x0, state, at_t.alpha, at_t.sigma)
        h = at_s.half_log_snr - at_t.half_log_snr
        before = None if state is None else (state.x0, state.h)
        D = extrapolate(x0, before, h)
        x_s = at_s.sigma / at_t.sigma * x_t - at_s.alpha * math.expm1(-h) * D
        return x_s, Step(x_t, x0, h, before, at_t.sigma)


def corrected(x_s: Tensor, x0: Tensor, step: Step, alpha_s: float, sigma_s: float) -> Tensor:
    """The end x_s of a step, computed again with the estimate x0 at its end known.

    x_s = (sigma_s / sigma_t) x_t + alpha_s int_0^h e^{u - h} D(u) du, integrated exactly for the polynomial D(u) = D_0
    + D_1 u + D_2 u^2 through up to three estimates, u the distance in lambda from the start of the step.
    """
    h = step.h
    if math.isinf(h):
        return x_s
    m0 = -math.expm1(-h)  # m_k = int_0^h e^{u - h} u^k du
    m1 = h - m0
    m2 = h * h - 2 * m1
    slope = (x0 - step.x0) / h
    if step.before is None or math.isinf(step.before[1]):
        integral = m0 * step.x0 + m1 * slope
    else:
        x0_before, h_before = step.before
        slope_before = (step.x0 - x0_before) / h_before
        D_2 = (slope - slope_before) / (h + h_before)
        integral = m0 * step.x0 + m1 * (slope - D_2 * h) + m2 * D_2
    return sigma_s / step.sigma_t * step.x_t + alpha_s * integral
