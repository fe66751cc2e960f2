"""What a codec is."""

from typing import Protocol, runtime_checkable

from torch import Tensor


@runtime_checkable
class Codec(Protocol):
    """Images in [-1, 1], (B, C, H, W), to latents of unit scale and back."""

    def latent_channels(self, channels: int) -> int: ...
    def latent_size(self, height: int, width: int) -> tuple[int, int]: ...
    def encode(self, images: Tensor) -> Tensor: ...
    def decode(self, latents: Tensor) -> Tensor: ...
