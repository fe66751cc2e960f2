"""The smallest VAE: linear encoder and decoder, one latent value. Its optimum is known in closed form.

    p(z) = N(0, 1),  p(x|z) = N(W z + mu, sigma^2 I)   =>   p(x) = N(mu, C),  C = W W^T + sigma^2 I
    q(z|x) = N(W^T (x - mu) / M, sigma^2 / M),  M = W^T W + sigma^2                  the exact posterior p(z|x)
    optimum: sigma^2 = l_2,  W = u_1 sqrt(l_1 - sigma^2)      l_1 >= l_2, u_1: eigenvalues and first eigenvector of the
                                                              covariance of the data
Probabilistic PCA, Tipping & Bishop 1999, equations 7 and 8. Since q(z|x) is exact, ELBO(x) = log p(x).
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from debruit.rng import Stream


@dataclass(frozen=True, kw_only=True)
class LinearVae:
    """`mean` mu (2,), `loading` W (2,) and the decoder's variance sigma^2, `noise`."""

    mean: Tensor
    loading: Tensor
    noise: float

    @property
    def precision(self) -> float:
        """M = W^T W + sigma^2."""
        return float(self.loading @ self.loading) + self.noise

    def encode(self, x: Tensor) -> tuple[Tensor, float]:
        """Return the mean of q(z|x) of points x (N, 2), (N,), and its variance, the same for all."""
        return (x - self.mean) @ self.loading / self.precision, self.noise / self.precision

    def decode(self, z: Tensor) -> Tensor:
        """Return the mean of p(x|z), W z + mu, (N, 2), of latents z (N,)."""
        return self.mean + z[:, None] * self.loading

    def sample(self, random: Stream, count: int) -> Tensor:
        """Draw z ~ p(z) and x ~ p(x|z), (count, 2): in one step."""
        z, eps = random.normal((count,)).double(), random.normal((count, 2)).double()
        return self.decode(z) + self.noise**0.5 * eps

    @property
    def covariance(self) -> Tensor:
        """C of p(x) = N(mu, C), (2, 2)."""
        return torch.outer(self.loading, self.loading) + self.noise * torch.eye(2, dtype=self.loading.dtype)

    def reconstruction(self, x: Tensor) -> Tensor:
        """E over q(z|x) of log p(x|z), in nats, (N,)."""
        mean, variance = self.encode(x)
        error = (x - self.decode(mean)).square().sum(-1) + variance * float(self.loading @ self.loading)
        return -math.log(2 * math.pi * self.noise) - error / (2 * self.noise)

    def divergence(self, x: Tensor) -> Tensor:
        """KL(q(z|x) || p(z)), in nats, (N,)."""
        mean, variance = self.encode(x)
        return (mean**2 + variance - 1 - math.log(variance)) / 2

    def elbo(self, x: Tensor) -> Tensor:
        """The bound of log p(x), in nats, (N,): reconstruction less divergence."""
        return self.reconstruction(x) - self.divergence(x)

    def log_density(self, x: Tensor) -> Tensor:
        """log p(x) = log N(x; mu, C), in nats, (N,)."""
        return torch.distributions.MultivariateNormal(self.mean, self.covariance).log_prob(x)


def fitted(mean: Tensor, covariance: Tensor) -> LinearVae:
    """Return the optimum for data of this mean (2,) and covariance (2, 2)."""
    values, vectors = torch.linalg.eigh(covariance)  # ascending
    noise, largest = float(values[0]), float(values[1])
    return LinearVae(mean=mean, loading=vectors[:, 1] * (largest - noise) ** 0.5, noise=noise)
