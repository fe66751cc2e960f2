"""No autoencoder: the model works on pixels."""

from dataclasses import dataclass

from torch import Tensor

from debruit.autoencoders.codec import CodecModule, Moments


@dataclass(frozen=True, kw_only=True)
class Pixels:
    """Latents are the images themselves, in [-1, 1]."""

    @property
    def factor(self) -> int:
        return 1

    def latent_channels(self, channels: int) -> int:
        return channels

    def latent_size(self, height: int, width: int) -> tuple[int, int]:
        return height, width

    def build(self, channels: int) -> "PixelsModule":
        return PixelsModule()


class PixelsModule(CodecModule):
    """Without parameters."""

    factor = 1

    def encode(self, images: Tensor) -> Moments:
        return Moments(images)

    def decode(self, latents: Tensor, size: tuple[int, int]) -> Tensor:
        return latents
