"""Noise that belongs to an image: that of image n comes from (seed, n) and is sampled on the CPU, so that image n is
the same alone, in any batch and on any device: its noise to the bit, the image up to rounding (`Model.generate`)."""

from collections.abc import Sequence

import torch
from torch import Tensor

from debruit.rng import Purpose, normal_of, stream


class ImageNoise:
    """noise() -> (B, *shape) float32 on `device`; image k of the batch has the stream (purpose, seed, indices[k])
    (rng.py)."""

    def __init__(
        self,
        seed: int,
        indices: Sequence[int],
        shape: Sequence[int],
        device: torch.device | str = "cpu",
        *,
        purpose: Purpose = Purpose.SAMPLE,
    ) -> None:
        self.streams = [stream(purpose, seed, index) for index in indices]
        self.shape = tuple(shape)
        self.device = device

    def __call__(self) -> Tensor:
        return normal_of(self.streams, self.shape).to(self.device)
