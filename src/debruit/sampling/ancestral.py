"""Ancestral sampling."""

from dataclasses import dataclass
from typing import ClassVar

from debruit.diffusion.chain import Variance
from debruit.sampling.sampler import transition


@dataclass(frozen=True, kw_only=True)
class Ancestral:
    """x_s ~ q(x_s | x_t, x_0 = x_0^): algorithm 2 of the DDPM paper where the grid is the chain's, and the respaced chain of Improved
    DDPM (section 4) on any other. `variance` is that of the reverse step: "posterior" (beta~), "beta", or "learned" by the network.
    """

    order: ClassVar[int] = 1
    stochastic: ClassVar[bool] = True
    variance: Variance = "posterior"

    def init(self, x):
        return None

    def evaluations(self, steps: int) -> int:
        return steps

    def step(self, denoise, process, x, t, s, state, noise):
        between = transition(process, t, s)
        found = denoise(x, t)
        mean = between.posterior_mean(found.x0, x)
        if s == 0:
            return mean, state
        small, large = between.posterior_variance, between.variance
        if self.variance == "learned":
            assert found.fraction is not None, "this network has not learned a variance"
            std = large ** (found.fraction / 2) * small ** ((1 - found.fraction) / 2)
        else:
            std = (small if self.variance == "posterior" else large) ** 0.5
        return mean + std * noise(), state
