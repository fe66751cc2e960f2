"""Noise that belongs to an image: that of image n comes from (seed, n) and is drawn on the CPU, so that image n is the same alone,
in any batch and on any device: its noise to the bit, the image up to rounding (`Model.generate`)."""

from collections.abc import Sequence

import torch
from torch import Tensor


def generator(*key: int) -> torch.Generator:
    """A CPU generator seeded by a tuple of integers, mixed so that neighbouring keys share nothing (splitmix64).

    torch uses 32 bits of the seed only, in which 50,000 hashed images would often meet a pair with the same noise. So the last
    part of the key passes through a bijection of 32 bits that the other parts choose: below 2^32 its values never meet.
    """
    *parts, last = key
    state = 0
    for part in (*parts, last >> 32):
        state = _mix((state + part * 0x9E3779B97F4A7C15 + 0x632BE59BD9B4E019) % 2**64)
    seed = _mix32(_mix32((last ^ state) % 2**32) ^ (state >> 32))
    return torch.Generator().manual_seed(seed)


class ImageNoise:
    """noise() -> (B, *shape) float32 on `device`; image k of the batch draws from its own stream (seed, indices[k])."""

    def __init__(
        self, seed: int, indices: Sequence[int], shape: Sequence[int], device: torch.device | str = "cpu"
    ) -> None:
        self.generators = [generator(seed, index) for index in indices]
        self.shape = tuple(shape)
        self.device = device

    def __call__(self) -> Tensor:
        drawn = torch.stack([torch.randn(self.shape, generator=g) for g in self.generators])
        return drawn.to(self.device)


def _mix(z: int) -> int:
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB % 2**64
    return z ^ (z >> 31)


def _mix32(z: int) -> int:
    z = (z ^ (z >> 16)) * 0x7FEB352D % 2**32
    z = (z ^ (z >> 15)) * 0x846CA68B % 2**32
    return z ^ (z >> 16)
