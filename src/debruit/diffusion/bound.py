"""The variational bound of a chain, term by term (REFERENCE section 2; DDPM, equation 5).

L = L_T + sum_{i=2..T} L_{i-1} + L_0                                    nats per image
L_T     = KL(q(x_T | x_0) || N(0, I))
L_{i-1} = KL(q(x_{i-1} | x_i, x_0) || p_theta(x_{i-1} | x_i))
L_0     = -log p_theta(x_0 | x_1), a Gaussian integrated over the bins of 8-bit values in [-1, 1]
          (`discretised_log_likelihood`); for latents, which are real numbers, the Gaussian's density (`log_density`),
          and L is then a bound of the density, of any sign
bits/dim = L / (D ln 2), D the number of values of an image
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from debruit.diffusion.chain import Chain, Variance
from debruit.diffusion.gaussian import Gaussian, discretised_log_likelihood
from debruit.diffusion.prediction import Estimate

Decoder = Callable[[Tensor, Gaussian], Tensor]  # log p(x_0 | x_1) of x_0 and its distribution, elementwise, nats


@dataclass(frozen=True)
class BoundTerms:
    """The bound of each image, in nats. prior: L_T, (B,). steps: (B, T), entry i - 1 is L_{i-1}; the first is L_0."""

    prior: Tensor
    steps: Tensor
    dimensions: int

    @property
    def decoder(self) -> Tensor:
        """L_0, (B,)."""
        return self.steps[:, 0]

    @property
    def total(self) -> Tensor:
        """L, (B,), nats."""
        return self.prior + self.steps.sum(1)

    @property
    def bits_per_dim(self) -> Tensor:
        """(B,)."""
        return self.total / (self.dimensions * math.log(2))


def bound(
    denoise: Callable[[Tensor, Tensor], Estimate],
    chain: Chain,
    x0: Tensor,
    noise: Callable[[], Tensor],
    *,
    variance: Variance = "posterior",
) -> BoundTerms:
    """The bound of images x0 (B, ...) in [-1, 1]: every L_{i-1} with one draw of x_i each, T evaluations of
    `denoise`(x_i, t).

    `noise` returns N(0, I) of the shape of x0, fresh at each call.
    """
    steps = dict(terms(denoise, chain, x0, noise, range(1, chain.steps + 1), variance=variance))
    return BoundTerms(
        prior=prior_term(chain, x0).flatten(1).sum(1),
        steps=torch.stack([steps[i] for i in range(1, chain.steps + 1)], dim=1),
        dimensions=x0[0].numel(),
    )


def terms(
    denoise: Callable[[Tensor, Tensor], Estimate],
    chain: Chain,
    x0: Tensor,
    noise: Callable[[], Tensor],
    indices: Sequence[int],
    *,
    variance: Variance = "posterior",
) -> Iterator[tuple[int, Tensor]]:
    """(i, L_{i-1} of each image in nats, (B,)) for the given steps, one network evaluation each: for progress and for
    subsets."""
    for i in indices:
        step = torch.full((len(x0),), i, device=x0.device)
        x_t = chain.q(x0, step).sample(noise())
        estimate = denoise(x_t, step.double() / chain.steps)
        nats = step_term(chain, x0, x_t, step, estimate.x0, variance=variance, fraction=estimate.fraction)
        yield i, nats.flatten(1).sum(1)


def prior_term(chain: Chain, x0: Tensor) -> Tensor:
    """L_T, elementwise, nats, float64."""
    last = chain.q(x0.double(), chain.steps)
    return last.kl(Gaussian(torch.zeros_like(last.mean), torch.ones_like(last.variance)))


def step_term(
    chain: Chain,
    x0: Tensor,
    x_t: Tensor,
    i: Tensor,
    x0_hat: Tensor,
    *,
    variance: Variance = "posterior",
    fraction: Tensor | None = None,
    decoder: Decoder = discretised_log_likelihood,
) -> Tensor:
    """L_{i-1} elementwise, nats, float64; L_0, by `decoder`, where i = 1. i is (B,), the images are (B, ...)."""
    x0, x_t, x0_hat = x0.double(), x_t.double(), x0_hat.double()
    p = chain.reverse(x0_hat, x_t, i, variance=variance, fraction=None if fraction is None else fraction.double())
    first = (i == 1).reshape(-1, *[1] * (x0.ndim - 1))
    q = chain.posterior(x0, x_t, i)
    # at i = 1 the posterior has no variance and the divergence is not used; a copy of p's keeps it finite
    q = Gaussian(q.mean, torch.where(first, p.variance.detach(), q.variance))
    return torch.where(first, -decoder(x0, p), q.kl(p))


def log_density(x0: Tensor, p: Gaussian) -> Tensor:
    """log of the density of `p` at x0, elementwise, nats: L_0 of values that are not counted in bins."""
    return -0.5 * ((x0 - p.mean) ** 2 / p.variance + torch.log(2 * math.pi * p.variance))
