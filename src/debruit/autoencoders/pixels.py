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

    def latent_size(self, *sizes: int) -> tuple[int, ...]:
        return sizes

    def build(self, channels: int) -> "PixelsModule":
        return PixelsModule()


class PixelsModule(CodecModule):
    """Without parameters."""

    factor = 1

    def encode(self, images: Tensor) -> Moments:
        return Moments(images)

    def decode(self, latents: Tensor, size: tuple[int, ...]) -> Tensor:
        return latents
