"""The training loss: a density over t, a weighting, and a norm (DDPM, algorithm 1, https://arxiv.org/abs/2006.11239).

    L = E_{x_0, eps, t ~ density} [ W(t) (sigma / det)^2 ||y - y_theta(x_t, t)||^2 ]   mean over the values of an image
      = E_{x_0, eps, t ~ density} [ W(t) ||x_0 - x0_hat(x_t, t)||^2 ]

Its minimum, for the norm l2, is the posterior mean, x0_hat(x_t, t) = E[x_0 | x_t], whatever the density, the weighting
and the type of prediction. With the weighting `Bound` and uniform t, L is the sum of the KL divergences KL(q(x_s | x_t,
x_0) || p_theta(x_s | x_t)) of the reverse steps, the variational bound up to terms without gradient (Kingma et al.
2021, equation 13, https://arxiv.org/abs/2107.00630); the other weightings drop its factor and weigh times by what looks
good.

`variance_weight` adds Improved DDPM's hybrid term, the bound's L_{i-1} with the mean detached, for networks that learn
the variance (Nichol & Dhariwal 2021, equation 16, https://arxiv.org/abs/2102.09672).
"""

from dataclasses import dataclass, field
from typing import Literal

from torch import Tensor

from debruit.diffusion.bound import step_term
from debruit.diffusion.denoiser import Denoiser
from debruit.diffusion.density import Density, LogitNormal
from debruit.diffusion.prediction import combine, determinant, prediction, solve
from debruit.diffusion.process import Process, expand
from debruit.diffusion.processes.tabulated import Tabulated
from debruit.diffusion.weighting import Simple, Weighting
from debruit.errors import InputError
from debruit.ranges import NotNegative
from debruit.rng import Stream


@dataclass(frozen=True, kw_only=True)
class Objective:
    """The loss that training minimises. `norm` is "l2", or "l1" with the square root of the weight."""

    density: Density = field(default_factory=LogitNormal)
    weighting: Weighting = field(default_factory=lambda: Simple(space="velocity"))
    norm: Literal["l2", "l1"] = "l2"
    low_discrepancy: bool = True
    variance_weight: NotNegative = 0.001

    def times(self, process: Process, stream: Stream, first: int, count: int) -> Tensor:
        """Times of the examples at positions first..first + count - 1 of a training, from the density: (count,),
        float64, on the CPU. With `low_discrepancy` they are spread evenly over any consecutive examples
        (Stream.even_rows), else independent."""
        rows = stream.even_rows(first, count) if self.low_discrepancy else stream.uniform_rows(first, count)[:, 0]
        return self.density.quantile(rows, process)

    def loss(self, denoiser: Denoiser, x0: Tensor, t: Tensor, eps: Tensor, cond=None) -> Tensor:
        """The loss of each image, (B,). x0 and eps are (B, ...), t is (B,)."""
        c = denoiser.coefficients(t)
        predict = prediction(denoiser.predicts)
        x_t = expand(c.alpha, x0) * x0 + expand(c.sigma, x0) * eps
        y, fraction = denoiser.raw(x_t, t, cond)
        error = (y - combine(predict, c, x0, eps)).float()
        weight = self.weighting.weight(c) * (c.sigma / determinant(predict, c)) ** 2
        per_image = (
            error.abs().flatten(1).mean(1) * weight.sqrt().float()
            if self.norm == "l1"
            else error.square().flatten(1).mean(1) * weight.float()
        )
        if fraction is None or not self.variance_weight:
            return per_image
        if not isinstance(denoiser.process, Tabulated):
            raise InputError("a learned variance needs a process with a chain: set process=Tabulated")
        chain = denoiser.process.chain
        i = (t * chain.steps).round().long().clamp(1, chain.steps)
        x0_hat = solve(predict, c, y.detach(), x_t).x0
        nats = step_term(chain, x0, x_t, i, x0_hat, variance="learned", fraction=fraction)
        return per_image + self.variance_weight * chain.steps * nats.flatten(1).mean(1).float()
