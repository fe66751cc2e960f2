"""A Gaussian likelihood whose scale is learned (sigma-VAE, Rybkin et al. 2021).

-log p(x | x^) = (x - x^)^2 / (2 sigma^2) + log sigma + log(2 pi) / 2  a value,   sigma = exp(s), s one learned number;
at the optimum sigma^2 = mean (x - x^)^2

As sigma falls to the error, the gradient towards x^ grows by 1 / sigma^2 against the other terms: with b1 = 1 they make the bound of a VAE.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from debruit.autoencoders.losses.checks import check_weight
from debruit.autoencoders.losses.reconstruction.reconstruction import ReconstructionModule


@dataclass(frozen=True, kw_only=True)
class Gaussian:
    """`log_scale` is s at the start: 0 is half of L2 but for a constant."""

    weight: float = 1.0
    log_scale: float = 0.0

    def __post_init__(self) -> None:
        check_weight("reconstruction.weight", self.weight)

    def build(self, channels: int) -> "GaussianModule":
        return GaussianModule(self.log_scale)


class GaussianModule(ReconstructionModule):
    """One parameter, `log_scale`, ()."""

    def __init__(self, log_scale: float) -> None:
        super().__init__()
        self.log_scale = nn.Parameter(torch.tensor(log_scale))

    def forward(self, images: Tensor, decoded: Tensor) -> Tensor:
        error = (images - decoded).square().flatten(1).mean(dim=1)
        return error * torch.exp(-2 * self.log_scale) / 2 + self.log_scale + math.log(2 * math.pi) / 2
