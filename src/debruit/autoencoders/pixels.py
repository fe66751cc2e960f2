"""No autoencoder: the model works on pixels."""

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Pixels:
    """Latents are the images themselves, in [-1, 1]."""

    def latent_channels(self, channels: int) -> int:
        return channels

    def latent_size(self, height: int, width: int) -> tuple[int, int]:
        return height, width

    def encode(self, images: Tensor) -> Tensor:
        return images

    def decode(self, latents: Tensor) -> Tensor:
        return latents
