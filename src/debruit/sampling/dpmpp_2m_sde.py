"""DPM-Solver++ of second order, multistep, for the SDE."""

import math
from dataclasses import dataclass
from typing import ClassVar

from debruit.ranges import NotNegative
from debruit.sampling.dpmpp_2m import extrapolate
from debruit.sampling.sampler import level


@dataclass(frozen=True, kw_only=True)
class DPMpp2MSDE:
    """x_s = (sigma_s / sigma_t) e^{-eta^2 h} x_t + alpha_s (1 - e^{-(1 + eta^2) h}) D + sigma_s sqrt(1 - e^{-2 eta^2 h}) z, with D extrapolated as
    in DPM-Solver++ 2M. eta = 1 is the reverse SDE, eta = 0 the ODE. Lu et al. 2022 (DPM-Solver++), section 5."""

    order: ClassVar[int] = 2
    stochastic: ClassVar[bool] = True
    eta: NotNegative = 1.0

    def init(self, x):
        return None

    def evaluations(self, steps: int) -> int:
        return steps

    def step(self, denoise, process, x, t, s, state, noise):
        here, there = level(process, t), level(process, s)
        x0 = denoise(x, t).x0
        h = there.half_log_snr - here.half_log_snr
        estimate = extrapolate(x0, state, h)
        if there.sigma == 0:
            return estimate, (x0, h)
        added = self.eta**2 * h if self.eta else 0.0  # h is infinite where alpha_t = 0
        x = (
            there.sigma / here.sigma * math.exp(-added) * x
            - there.alpha * math.expm1(-h - added) * estimate
            + there.sigma * math.sqrt(-math.expm1(-2 * added)) * noise()
        )
        return x, (x0, h)
