"""A mixture of Gaussians in the plane whose score is known exactly, in place of a network.

q(x_0) = sum_k w_k N(m_k, s^2 I),      x_t = alpha x_0 + sigma eps
q_t(x) = sum_k w_k N(alpha m_k, V I),  V = alpha^2 s^2 + sigma^2
r_k(x) = w_k N(x; alpha m_k, V I) / q_t(x)                       the probability of component k given x_t = x
grad log q_t(x) = sum_k r_k (alpha m_k - x) / V
E[x_0 | x_t = x] = sum_k r_k (m_k + alpha s^2 (x - alpha m_k) / V),   E[eps | x_t = x] = -sigma grad log q_t(x)
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from debruit.diffusion.prediction import Estimate
from debruit.diffusion.process import Process
from debruit.rng import Stream
from debruit.sampling.sampler import Denoise, Level, level

CLEAN = Level(1.0, 0.0)


@dataclass(frozen=True)
class Moons:
    """`means` m_k, (K, 2) float64, `weights` w_k, (K,), and the standard deviation `std` s of each component."""

    means: Tensor
    weights: Tensor
    std: float

    def log_density(self, x: Tensor, at: Level = CLEAN) -> Tensor:
        """Return log q_t of points x (N, 2), in nats, (N,)."""
        return torch.logsumexp(self._joint(x, at), dim=-1)

    def score(self, x: Tensor, at: Level = CLEAN) -> Tensor:
        """Return grad log q_t of points x (N, 2), (N, 2)."""
        belief = self._belief(x, at)
        return (at.alpha * belief @ self.means - x) / self._variance(at)

    def estimate(self, x: Tensor, at: Level) -> Estimate:
        """Return E[x_0 | x_t = x] and E[eps | x_t = x] of points x (N, 2)."""
        belief = self._belief(x, at)
        centre = belief @ self.means
        away = x - at.alpha * centre
        x0 = centre + at.alpha * self.std**2 / self._variance(at) * away
        return Estimate(x0, at.sigma / self._variance(at) * away)

    def denoiser(self, process: Process) -> Denoise:
        """Return the denoiser that a perfectly trained network would be."""
        return lambda x, t: self.estimate(x, level(process, t))

    def sample(self, random: Stream, count: int) -> Tensor:
        """Draw points of q(x_0), (count, 2) float64."""
        component = torch.searchsorted(self.weights.cumsum(0), random.uniform((count,))).clamp(max=len(self.means) - 1)
        return self.means[component] + self.std * random.normal((count, 2)).double()

    @property
    def mean(self) -> Tensor:
        """The mean of q(x_0), (2,)."""
        return self.weights @ self.means

    @property
    def covariance(self) -> Tensor:
        """The covariance of q(x_0), (2, 2): that of the m_k, plus s^2 I."""
        away = self.means - self.mean
        return away.T @ (self.weights[:, None] * away) + self.std**2 * torch.eye(2, dtype=away.dtype)

    def _variance(self, at: Level) -> float:
        return (at.alpha * self.std) ** 2 + at.sigma**2

    def _joint(self, x: Tensor, at: Level) -> Tensor:
        """log (w_k N(x; alpha m_k, V I)), (N, K)."""
        variance = self._variance(at)
        squares = (x[:, None, :] - at.alpha * self.means).square().sum(-1)
        return self.weights.log() - math.log(2 * math.pi * variance) - squares / (2 * variance)

    def _belief(self, x: Tensor, at: Level) -> Tensor:
        """r_k, (N, K). By NumPy, since torch starts its threads for a few thousand exponentials, which costs far more
        than they do.
        """
        joint = self._joint(x, at)
        relative = torch.from_numpy(np.exp((joint - joint.amax(-1, keepdim=True)).numpy()))
        return relative / relative.sum(-1, keepdim=True)


def moons(components: int = 6, *, scale: float = 1.25, std: float = 0.15) -> Moons:
    """Return two half-circles of `components` equal Gaussians each, centred, of about unit variance."""
    angle = torch.linspace(0, math.pi, components, dtype=torch.float64)
    upper = torch.stack([angle.cos() - 0.5, angle.sin() - 0.25], dim=1)
    lower = torch.stack([0.5 - angle.cos(), 0.25 - angle.sin()], dim=1)
    means = scale * torch.cat([upper, lower])
    return Moons(means, torch.full((len(means),), 1 / len(means), dtype=torch.float64), std)
