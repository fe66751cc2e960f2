"""Mean squared error."""

from dataclasses import dataclass

from torch import Tensor

from debruit.autoencoders.losses.checks import check_weight
from debruit.autoencoders.losses.reconstruction.reconstruction import ReconstructionModule


@dataclass(frozen=True, kw_only=True)
class L2:
    """mean (x - x^)^2: the best PSNR."""

    weight: float = 1.0

    def __post_init__(self) -> None:
        check_weight("reconstruction.weight", self.weight)

    def build(self, channels: int) -> "L2Module":
        return L2Module()


class L2Module(ReconstructionModule):
    """Without parameters."""

    def forward(self, images: Tensor, decoded: Tensor) -> Tensor:
        return (images - decoded).square().flatten(1).mean(dim=1)
