"""The protocol of codecs: images <-> latents.

x (B, C, H, W) in [-1, 1]  -> encode ->  q(z|x) = N(mean, std^2), z of unit scale per channel  -> decode ->  x
"""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from torch import Tensor, nn


@dataclass(frozen=True)
class Moments:
    """The distribution of the latents of some images: mean and standard deviation, (B, c, h, w); `std` is None where
    the encoder is deterministic."""

    mean: Tensor
    std: Tensor | None = None

    def sample(self, eps: Tensor) -> Tensor:
        """mean + std eps, for eps ~ N(0, I) of the mean's shape."""
        return self.mean if self.std is None else self.mean + self.std * eps


class CodecModule(nn.Module):
    """The trained part of a codec. `factor` is by how much it reduces each side."""

    factor: int

    def encode(self, images: Tensor) -> Moments:
        """Latents of images (B, C, H, W) in [-1, 1]."""
        raise NotImplementedError

    def decode(self, latents: Tensor, size: tuple[int, ...]) -> Tensor:
        """Images (B, C, H, W) of this size; what was padded to the codec's factor is cropped."""
        raise NotImplementedError


@runtime_checkable
class Codec(Protocol):
    """The configuration of a codec. `factor` is by how much it reduces each side."""

    @property
    def factor(self) -> int: ...
    def latent_channels(self, channels: int) -> int: ...
    def latent_size(self, *sizes: int) -> tuple[int, ...]: ...
    def build(self, channels: int) -> CodecModule: ...
