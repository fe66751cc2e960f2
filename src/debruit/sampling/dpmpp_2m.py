"""DPM-Solver++ of second order, multistep."""

import math
from dataclasses import dataclass
from typing import ClassVar

from debruit.sampling.sampler import level


@dataclass(frozen=True, kw_only=True)
class DPMpp2M:
    """x_s = (sigma_s / sigma_t) x_t - alpha_s (e^{-h} - 1) D, h the step in log(alpha / sigma), D the estimate of x_0 extrapolated from
    this step and the one before. One evaluation a step. Lu et al. 2022 (DPM-Solver++), algorithm 2.

    The first step, and the last one to sigma = 0, where h is infinite, are of first order.
    """

    order: ClassVar[int] = 2
    stochastic: ClassVar[bool] = False

    def init(self, x):
        return None

    def evaluations(self, steps: int) -> int:
        return steps

    def step(self, denoise, process, x, t, s, state, noise):
        here, there = level(process, t), level(process, s)
        x0 = denoise(x, t).x0
        h = there.half_log_snr - here.half_log_snr
        estimate = extrapolate(x0, state, h)
        x = there.sigma / here.sigma * x - there.alpha * math.expm1(-h) * estimate
        return x, (x0, h)


def extrapolate(x0, state, h: float):
    """x_0 at the middle of the coming step of length h, from its present value and the previous one. `state` is (x_0, h) of the step
    before, or None at the start; steps of infinite length carry no slope."""
    if state is None or math.isinf(h) or math.isinf(state[1]):
        return x0
    previous, h_previous = state
    return x0 + (x0 - previous) * (h / (2 * h_previous))
