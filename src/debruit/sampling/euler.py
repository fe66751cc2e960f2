"""Euler's method."""

from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor

from debruit.diffusion.process import Process
from debruit.sampling.sampler import Denoise, Noise, Sampler, level


@dataclass(frozen=True, kw_only=True)
class Euler(Sampler):
    """x_s = alpha_s x0_hat + sigma_s eps_hat: exact while x_0 and eps are constant over the step. Equals DDIM with eta
    = 0, and for the straight path the plain Euler step along the velocity.

    Song, Meng & Ermon 2021, equation 13, https://arxiv.org/abs/2010.02502; Liu et al. 2023,
    https://arxiv.org/abs/2209.03003
    """

    order: ClassVar[int] = 1
    stochastic: ClassVar[bool] = False

    def step(
        self, denoise: Denoise, process: Process, x_t: Tensor, t: float, s: float, state: Any, noise: Noise
    ) -> tuple[Tensor, Any]:
        estimate = denoise(x_t, t)
        alpha_s, sigma_s = level(process, s)
        return alpha_s * estimate.x0 + sigma_s * estimate.eps, state
