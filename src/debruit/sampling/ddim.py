"""DDIM."""

from dataclasses import dataclass
from typing import ClassVar

from debruit.ranges import NotNegative
from debruit.sampling.sampler import transition


@dataclass(frozen=True, kw_only=True)
class DDIM:
    """x_s = alpha_s x_0^ + sqrt(sigma_s^2 - v) eps^ + sqrt(v) z with v = eta^2 beta~: deterministic at eta = 0, ancestral at eta = 1.
    Song, Meng, Ermon 2021, equations 12 and 16."""

    order: ClassVar[int] = 1
    eta: NotNegative = 0.0

    @property
    def stochastic(self) -> bool:
        return self.eta > 0

    def init(self, x):
        return None

    def evaluations(self, steps: int) -> int:
        return steps

    def step(self, denoise, process, x, t, s, state, noise):
        between = transition(process, t, s)
        found = denoise(x, t)
        variance = self.eta**2 * between.posterior_variance
        direction = max(between.at_s.sigma**2 - variance, 0.0) ** 0.5
        x = between.at_s.alpha * found.x0 + direction * found.eps
        return (x + variance**0.5 * noise() if variance > 0 else x), state
