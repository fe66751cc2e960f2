"""A diagonal normal distribution: what q, its posterior and p_theta all are."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Gaussian:
    """N(mean, variance I); `variance` broadcasts against `mean`."""

    mean: Tensor
    variance: Tensor

    def sample(self, noise: Tensor) -> Tensor:
        """mean + sqrt(variance) noise, with noise ~ N(0, I) of the shape of `mean`."""
        return self.mean + self.variance.sqrt() * noise

    def kl(self, other: "Gaussian") -> Tensor:
        """KL(self || other) in nats, elementwise (sum over the values of an image for the image's)."""
        ratio = self.variance / other.variance
        return 0.5 * (ratio - 1 - ratio.log() + (self.mean - other.mean) ** 2 / other.variance)


def discretised_log_likelihood(x: Tensor, gaussian: Gaussian, levels: int = 256) -> Tensor:
    """log of the mass that `gaussian` puts on the bin of each value of x, elementwise, in nats.

    x in [-1, 1] lies on `levels` equidistant values; a bin reaches half a step to both sides, and the first and the
    last are open (DDPM, equation 13). Computed in float64.
    """
    half = 1 / (levels - 1)
    x, mean, std = x.double(), gaussian.mean.double(), gaussian.variance.double().sqrt()
    upper, lower = (x + half - mean) / std, (x - half - mean) / std
    # both ends in the same tail, mirrored when right of the mean:
    # log(Phi(u) - Phi(l)) = log Phi(u) + log(1 - exp(log Phi(l) - log Phi(u)))
    flip = lower > 0
    lower, upper = torch.where(flip, -upper, lower), torch.where(flip, -lower, upper)
    log_upper = torch.special.log_ndtr(upper)
    inside = log_upper + torch.log(-torch.expm1((torch.special.log_ndtr(lower) - log_upper).clamp(max=-1e-15)))
    below = torch.special.log_ndtr((x + half - mean) / std)
    above = torch.special.log_ndtr(-(x - half - mean) / std)
    return torch.where(x < -1 + half, below, torch.where(x > 1 - half, above, inside))
