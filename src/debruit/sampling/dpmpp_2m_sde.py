"""DPM-Solver++ of second order, multistep, for the SDE."""

import math
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from debruit.diffusion.process import Process
from debruit.ranges import NotNegative
from debruit.sampling.dpmpp_2m import Past, extrapolate
from debruit.sampling.sampler import Denoise, Noise, Sampler, level


@dataclass(frozen=True, kw_only=True)
class DPMpp2MSDE(Sampler):
    """x_s = (sigma_s / sigma_t) e^{-eta^2 h} x_t + alpha_s (1 - e^{-(1 + eta^2) h}) D + sigma_s sqrt(1 - e^{-2 eta^2
    h}) z, with h and D as in DPM-Solver++ 2M. eta = 1 solves the reverse SDE, eta = 0 the probability-flow ODE.

    Lu et al. 2022 (DPM-Solver++), section 5, https://arxiv.org/abs/2211.01095
    """

    order: ClassVar[int] = 2
    stochastic: ClassVar[bool] = True
    eta: NotNegative = 1.0

    def step(
        self, denoise: Denoise, process: Process, x_t: Tensor, t: float, s: float, state: Past | None, noise: Noise
    ) -> tuple[Tensor, Past]:
        at_t, at_s = level(process, t), level(process, s)
        x0 = denoise(x_t, t).x0
        h = at_s.half_log_snr - at_t.half_log_snr
        D = extrapolate(x0, state, h)
        if at_s.sigma == 0:
            return D, (x0, h)
        eta2_h = self.eta**2 * h if self.eta else 0.0  # h is infinite where alpha_t = 0
        x_s = (
            at_s.sigma / at_t.sigma * math.exp(-eta2_h) * x_t
            - at_s.alpha * math.expm1(-h - eta2_h) * D
            + at_s.sigma * math.sqrt(-math.expm1(-2 * eta2_h)) * noise()
        )
        return x_s, (x0, h)
