"""A network that knows no schedule, made into a denoiser of a process: it scales the input and inverts the prediction.

    y = network(c_in x_t, c_noise, cond),  c_in = 1 / sqrt(alpha^2 data_std^2 + sigma^2),  c_noise = 1000 t

c_in gives the network unit variance at every t (Karras et al. 2022, section 5); for data of unit variance and a variance-preserving
process it is 1. c_noise is the DDPM's integer step where T = 1000.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from debruit.diffusion.prediction import Estimate, prediction, solve
from debruit.diffusion.process import Coefficients, Process, expand

NOISE_SCALE = 1000.0


@dataclass(frozen=True)
class Denoiser:
    """(x_t, t, cond) -> Estimate, for a network that predicts `predicts`.

    With `learned_variance` the network has twice the channels, and the second half, mapped from [-1, 1] to [0, 1], is the
    fraction of Improved DDPM's equation 15.
    """

    network: Callable[..., Tensor]
    process: Process
    predicts: str
    data_std: float = 1.0
    learned_variance: bool = False

    def coefficients(self, t: Tensor) -> Coefficients:
        return Coefficients(self.process, t, self.data_std)

    def raw(self, x_t: Tensor, t: Tensor, cond=None) -> tuple[Tensor, Tensor | None]:
        """The network's output in its own space, (B, C, ...), and the variance's fraction or None. t is (B,), float64."""
        c = self.coefficients(t)
        c_in = (c.alpha**2 * self.data_std**2 + c.sigma**2).rsqrt()
        precise = torch.promote_types(x_t.dtype, torch.float32)  # bfloat16 would round 1000 t to a multiple of 4
        y = self.network(expand(c_in, x_t) * x_t, (NOISE_SCALE * t).to(precise), cond).to(x_t.dtype)
        if not self.learned_variance:
            return y, None
        y, fraction = y.chunk(2, dim=1)
        return y, (fraction + 1) / 2

    def __call__(self, x_t: Tensor, t: Tensor | float, cond=None) -> Estimate:
        t = torch.as_tensor(t, dtype=torch.float64, device=x_t.device).expand(len(x_t))
        y, fraction = self.raw(x_t, t, cond)
        found = solve(prediction(self.predicts), self.coefficients(t), y, x_t)
        return Estimate(found.x0, found.eps, fraction)
