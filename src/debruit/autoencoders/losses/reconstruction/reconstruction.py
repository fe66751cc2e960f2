"""What a reconstruction term is: how far the decoded image x^ is from the image x, a mean over the image's values.

The mean, not the sum, so that the weights of the other terms mean the same at any size of image. The terms with a learned scale are negative
log-likelihoods in nats per value; the others are theirs for a scale held at 1, up to constants.
"""

from typing import Protocol, runtime_checkable

from torch import Tensor, nn


class ReconstructionModule(nn.Module):
    """(images, decoded), both (B, C, H, W), -> (B,). Its parameters, if any, are trained with the autoencoder."""

    def forward(self, images: Tensor, decoded: Tensor) -> Tensor:
        raise NotImplementedError


@runtime_checkable
class Reconstruction(Protocol):
    """The configuration of a reconstruction term; `weight` is its factor in the sum."""

    @property
    def weight(self) -> float: ...
    def build(self, channels: int) -> ReconstructionModule: ...
