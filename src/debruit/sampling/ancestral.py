"""Ancestral sampling."""

from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor

from debruit.diffusion.chain import Variance
from debruit.diffusion.process import Process
from debruit.sampling.sampler import Denoise, Noise, Sampler, transition


@dataclass(frozen=True, kw_only=True)
class Ancestral(Sampler):
    """x_s ~ q(x_s | x_t, x_0 = x0_hat): algorithm 2 of the DDPM paper where the grid is the chain's own, and the
    respaced chain of Improved DDPM (section 4) on any other grid. `variance` of the reverse step: "posterior" (beta~),
    "beta", or "learned" by the network, beta^f beta~^(1 - f) (Improved DDPM, equation 15).

    Ho et al. 2020, https://arxiv.org/abs/2006.11239; Nichol & Dhariwal 2021, https://arxiv.org/abs/2102.09672
    """

    order: ClassVar[int] = 1
    stochastic: ClassVar[bool] = True
    variance: Variance = "posterior"

    def step(
        self, denoise: Denoise, process: Process, x_t: Tensor, t: float, s: float, state: Any, noise: Noise
    ) -> tuple[Tensor, Any]:
        q = transition(process, t, s)
        estimate = denoise(x_t, t)
        mean = q.posterior_mean(estimate.x0, x_t)
        if s == 0:
            return mean, state
        beta_tilde, beta = q.posterior_variance, q.variance
        if self.variance == "learned":
            f = estimate.fraction
            assert f is not None, "this network has not learned a variance"
            std = beta ** (f / 2) * beta_tilde ** ((1 - f) / 2)
        else:
            std = (beta_tilde if self.variance == "posterior" else beta) ** 0.5
        return mean + std * noise(), state
