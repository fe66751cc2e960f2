"""DPM-Solver++ of second order, multistep."""

import math
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from debruit.diffusion.process import Process
from debruit.sampling.sampler import Denoise, Noise, Sampler, level

Past = tuple[Tensor, float]  # (x0_hat, h) of the step before


@dataclass(frozen=True, kw_only=True)
class DPMpp2M(Sampler):
    """x_s = (sigma_s / sigma_t) x_t - alpha_s (e^{-h} - 1) D with h = lambda_s - lambda_t, lambda = log(alpha / sigma),
    and D the estimate of x_0 extrapolated from this step and the one before. One evaluation per step. The first step,
    and the last one, to sigma = 0, where h is infinite, are of first order.

    Lu et al. 2022 (DPM-Solver++), algorithm 2, https://arxiv.org/abs/2211.01095
    """

    order: ClassVar[int] = 2
    stochastic: ClassVar[bool] = False

    def step(
        self, denoise: Denoise, process: Process, x_t: Tensor, t: float, s: float, state: Past | None, noise: Noise
    ) -> tuple[Tensor, Past]:
        at_t, at_s = level(process, t), level(process, s)
        x0 = denoise(x_t, t).x0
        h = at_s.half_log_snr - at_t.half_log_snr
        D = extrapolate(x0, state, h)
        x_s = at_s.sigma / at_t.sigma * x_t - at_s.alpha * math.expm1(-h) * D
        return x_s, (x0, h)


def extrapolate(x0: Tensor, past: Past | None, h: float) -> Tensor:
    """x_0 at the middle of the coming step of length h, extrapolated linearly from its present estimate and the
    previous one. `past` is (x0_hat, h) of the step before, or None at the start; a step of infinite length gives no
    slope."""
    if past is None or math.isinf(h) or math.isinf(past[1]):
        return x0
    x0_before, h_before = past
    return x0 + (x0 - x0_before) * (h / (2 * h_before))
