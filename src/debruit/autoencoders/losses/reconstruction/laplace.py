"""A Laplace likelihood whose scale is learned.

-log p(x | x^) = |x - x^| / b + log(2 b)  a value,   b = exp(s), s one learned number;   at the optimum b = mean |x - x^|

As b falls to the error, the gradient towards x^ grows by 1 / b against the other terms: with b1 = 1 they make the bound of a VAE.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from debruit.autoencoders.losses.checks import check_weight
from debruit.autoencoders.losses.reconstruction.reconstruction import ReconstructionModule


@dataclass(frozen=True, kw_only=True)
class Laplace:
    """`log_scale` is s at the start: 0 is L1 but for a constant."""

    weight: float = 1.0
    log_scale: float = 0.0

    def __post_init__(self) -> None:
        check_weight("reconstruction.weight", self.weight)

    def build(self, channels: int) -> "LaplaceModule":
        return LaplaceModule(self.log_scale)


class LaplaceModule(ReconstructionModule):
    """One parameter, `log_scale`, ()."""

    def __init__(self, log_scale: float) -> None:
        super().__init__()
        self.log_scale = nn.Parameter(torch.tensor(log_scale))

    def forward(self, images: Tensor, decoded: Tensor) -> Tensor:
        error = (images - decoded).abs().flatten(1).mean(dim=1)
        return error * torch.exp(-self.log_scale) + self.log_scale + math.log(2)
