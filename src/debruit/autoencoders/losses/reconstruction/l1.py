"""Mean absolute error."""

from dataclasses import dataclass

from torch import Tensor

from debruit.autoencoders.losses.checks import check_weight
from debruit.autoencoders.losses.reconstruction.reconstruction import ReconstructionModule


@dataclass(frozen=True, kw_only=True)
class L1:
    """mean |x - x^|: the reference's; sharper than L2, whose optimum is a mean of what could be there."""

    weight: float = 1.0

    def __post_init__(self) -> None:
        check_weight("reconstruction.weight", self.weight)

    def build(self, channels: int) -> "L1Module":
        return L1Module()


class L1Module(ReconstructionModule):
    """Without parameters."""

    def forward(self, images: Tensor, decoded: Tensor) -> Tensor:
        return (images - decoded).abs().flatten(1).mean(dim=1)
