"""A network that knows no schedule, made into a denoiser of a process: it scales the input and inverts the prediction.

    y = network(c_in x_t, c_noise, cond)
    c_in = 1 / sqrt(alpha^2 data_std^2 + sigma^2),  c_noise = 1000 t + time_offset

c_in gives the network unit variance at every t (Karras et al. 2022, section 5); for data of unit variance and a
variance-preserving process it is 1. c_noise is the DDPM's integer step i in 1..T where T = 1000 and `time_offset` is 0.
Networks that count the same steps from 0, as most released ones do, are given i - 1 by `time_offset` = -1.
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
    """(x_t, t, cond) -> Estimate, for a network that predicts `predicts`: the estimates of E[x_0 | x_t] and E[eps |
    x_t].

    With `learned_variance` the network has twice the channels, and the second half, mapped from [-1, 1] to [0, 1], is
    the fraction f in the variance beta^f beta~^(1 - f) of the reverse step (Improved DDPM, equation 15,
    https://arxiv.org/abs/2102.09672). `data_std` is the standard deviation of x_0, `time_offset` is added to c_noise.
    """

    network: Callable[..., Tensor]
    process: Process
    predicts: str
    data_std: float = 1.0
    learned_variance: bool = False
    time_offset: float = 0.0

    def coefficients(self, t: Tensor) -> Coefficients:
        return Coefficients(self.process, t, self.data_std)

    def raw(self, x_t: Tensor, t: Tensor, cond=None) -> tuple[Tensor, Tensor | None]:
        """Return y = network(c_in x_t, c_noise, cond), (B, C, ...), in the space of `predicts`, and the fraction of the
        learned variance, (B, C, ...), or None. x_t is (B, C, ...), t is (B,), float64.

        The loss compares y with the target a x_0 + b eps (`objective.py`); sampling solves it for x_0 and eps
        (`prediction.solve`).
        """
        c = self.coefficients(t)
        c_in = (c.alpha**2 * self.data_std**2 + c.sigma**2).rsqrt()
        precise = torch.promote_types(x_t.dtype, torch.float32)  # bfloat16 would round 1000 t to a multiple of 4
        y = self.network(expand(c_in, x_t) * x_t, (NOISE_SCALE * t + self.time_offset).to(precise), cond).to(x_t.dtype)
        if not self.learned_variance:
            return y, None
        y, fraction = y.chunk(2, dim=1)
        return y, (fraction + 1) / 2

    def __call__(self, x_t: Tensor, t: Tensor | float, cond=None) -> Estimate:
        """Return the estimates of x_0 and eps, (B, C, ...), at x_t, (B, C, ...). t is one time in [0, 1] or one per
        image, (B,)."""
        t = torch.as_tensor(t, dtype=torch.float64, device=x_t.device).expand(len(x_t))
        y, fraction = self.raw(x_t, t, cond)
        estimate = solve(prediction(self.predicts), self.coefficients(t), y, x_t)
        return Estimate(estimate.x0, estimate.eps, fraction)
