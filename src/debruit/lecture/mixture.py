"""Data in one dimension whose distribution is known, a mixture of Gaussians: every distribution of a chain on it.

    q(x_0)            = sum_k w_k N(m_k, v_k)
    q(x_t)            = sum_k w_k N(sqrt(abar_t) m_k, abar_t v_k + 1 - abar_t)
    q(x_t | x_s)      = N(sqrt(a) x_s, 1 - a),  a = abar_t / abar_s,  s < t;  for s = t - 1, a is alpha_t
    q(x_s | x_t)      = sum_k r_k N(m_k', v_k'): Bayes for each component, r_k its probability given x_t
    q(x_s | x_t, x_0) = one Gaussian, whatever q(x_0) is

The last needs no data, q(x_s | x_t) needs all of it. Steps are given by their abar: `before` is abar_s, `after` abar_t.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from debruit.diffusion.gaussian import Gaussian

GRID = 4001  # points of an integral
REACH = 9.0  # standard deviations that it covers


@dataclass(frozen=True, kw_only=True)
class Mixture:
    """Gaussians with their weights, which sum to 1, (K,) each, float64."""

    weights: Tensor
    means: Tensor
    variances: Tensor

    def density(self, x: Tensor) -> Tensor:
        """q(x), of the shape of x."""
        return (self.weights * normal(x[..., None], self.means, self.variances)).sum(-1)

    def noised(self, abar: float) -> "Mixture":
        """q(x_t) of data distributed like this mixture."""
        return Mixture(
            weights=self.weights, means=math.sqrt(abar) * self.means, variances=abar * self.variances + 1 - abar
        )

    @property
    def moments(self) -> Gaussian:
        """The Gaussian with the mean and variance of the mixture."""
        mean = (self.weights * self.means).sum()
        return Gaussian(mean, (self.weights * (self.variances + (self.means - mean) ** 2)).sum())

    def grid(self) -> Tensor:
        """Equidistant points that cover all components, (GRID,)."""
        reach = REACH * self.variances.sqrt()
        low, high = float((self.means - reach).min()), float((self.means + reach).max())
        return torch.linspace(low, high, GRID, dtype=torch.float64)

    @property
    def divergence(self) -> float:
        """KL(mixture || `moments`) in nats: how far it is from a Gaussian. A numerical integral."""
        x, gaussian = self.grid(), self.moments
        q, g = self.density(x), normal(x, gaussian.mean, gaussian.variance)
        return float(torch.trapezoid(torch.where(q > 0, q * (q / g).clamp(min=1e-300).log(), 0.0), x))


def reverse(data: Mixture, before: float, after: float, x_t: float) -> Mixture:
    """q(x_s | x_t), exact."""
    a = after / before
    earlier, later = data.noised(before), data.noised(after)
    logits = later.weights.log() + log_normal(double(x_t), later.means, later.variances)
    # each component by Bayes: q(x_s) is N(m, v), and x_t = sqrt(a) x_s + sqrt(1 - a) noise
    gain = math.sqrt(a) * earlier.variances / later.variances
    return Mixture(
        weights=_shares(logits),
        means=earlier.means + gain * (x_t - later.means),
        variances=earlier.variances * (1 - a) / later.variances,
    )


def expected_clean(data: Mixture, after: float, x_t: Tensor) -> Tensor:
    """E[x_0 | x_t] of values x_t, (N,): the best estimate of x_0, which a network would have to learn."""
    later = data.noised(after)
    each = data.means + math.sqrt(after) * data.variances / later.variances * (x_t[:, None] - later.means)
    logits = later.weights.log() + log_normal(x_t[:, None], later.means, later.variances)
    return (_shares(logits) * each).sum(1)


def posterior(before: float, after: float, x_0: float, x_t: float) -> tuple[float, float]:
    """Mean and variance of q(x_s | x_t, x_0), without any q(x_0). The variance is 0 where s = 0."""
    a = after / before
    mean = (math.sqrt(before) * (1 - a) * x_0 + math.sqrt(a) * (1 - before) * x_t) / (1 - after)
    return mean, (1 - before) * (1 - a) / (1 - after)


def joint_density(data: Mixture, before: float, after: float, x_s: Tensor, x_t: Tensor) -> Tensor:
    """q(x_s, x_t), each component a Gaussian in two dimensions with the covariance sqrt(a) var(x_s)."""
    earlier, later = data.noised(before), data.noised(after)
    covariance = math.sqrt(after / before) * earlier.variances
    determinant = earlier.variances * later.variances - covariance**2
    u, v = x_s[..., None] - earlier.means, x_t[..., None] - later.means
    form = (later.variances * u**2 - 2 * covariance * u * v + earlier.variances * v**2) / determinant
    return (data.weights * torch.exp(-form / 2) / (2 * math.pi * determinant.sqrt())).sum(-1)


def _shares(logits: Tensor) -> Tensor:
    """Return exp(logits), normalised along the last axis. For so few values softmax is slow: it waits for threads."""
    shares = (logits - logits.amax(-1, keepdim=True)).exp()
    return shares / shares.sum(-1, keepdim=True)


def log_normal(x: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
    """Return log of the density of N(mean, variance) at x, elementwise."""
    return -0.5 * ((x - mean) ** 2 / variance + torch.log(2 * math.pi * variance))


def normal(x: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
    """Return the density of N(mean, variance) at x, elementwise."""
    return log_normal(x, mean, variance).exp()


def double(value: float) -> Tensor:
    """Return a number as a float64 tensor."""
    return torch.tensor(value, dtype=torch.float64)
