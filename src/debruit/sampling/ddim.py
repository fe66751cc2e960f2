"""DDIM."""

from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor

from debruit.diffusion.process import Process
from debruit.ranges import NotNegative
from debruit.sampling.sampler import Denoise, Noise, Sampler, transition


@dataclass(frozen=True, kw_only=True)
class DDIM(Sampler):
    """x_s = alpha_s x0_hat + sqrt(sigma_s^2 - v) eps_hat + sqrt(v) z with v = eta^2 beta~: deterministic at eta = 0,
    ancestral at eta = 1.

    Song, Meng & Ermon 2021, equations 12 and 16, https://arxiv.org/abs/2010.02502
    """

    order: ClassVar[int] = 1
    eta: NotNegative = 0.0

    @property
    def stochastic(self) -> bool:
        return self.eta > 0

    def step(
        self, denoise: Denoise, process: Process, x_t: Tensor, t: float, s: float, state: Any, noise: Noise
    ) -> tuple[Tensor, Any]:
        q = transition(process, t, s)
        alpha_s, sigma_s = q.at_s
        estimate = denoise(x_t, t)
        v = self.eta**2 * q.posterior_variance
        x_s = alpha_s * estimate.x0 + max(sigma_s**2 - v, 0.0) ** 0.5 * estimate.eps
        return (x_s + v**0.5 * noise() if v > 0 else x_s), state
