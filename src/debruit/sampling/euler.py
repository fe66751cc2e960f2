"""Euler's method."""

from dataclasses import dataclass
from typing import ClassVar

from debruit.sampling.sampler import level


@dataclass(frozen=True, kw_only=True)
class Euler:
    """x_s = alpha_s x_0^ + sigma_s eps^: exact while x_0 and eps are constant over the step; equals DDIM with eta = 0, and for the
    straight path the plain Euler step along the velocity (Song et al. 2021; Liu et al. 2023)."""

    order: ClassVar[int] = 1
    stochastic: ClassVar[bool] = False

    def init(self, x):
        return None

    def evaluations(self, steps: int) -> int:
        return steps

    def step(self, denoise, process, x, t, s, state, noise):
        found = denoise(x, t)
        to = level(process, s)
        return to.alpha * found.x0 + to.sigma * found.eps, state
