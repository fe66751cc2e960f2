"""Any number of images of any size through an autoencoder, in bounded memory: a few at a time, large ones in tiles
(tiling.py)."""

import math

import torch
from torch import Tensor

from debruit.autoencoders.codec import CodecModule, Moments
from debruit.autoencoders.tiling import decode_tiled, encode_tiled

PIXELS = 2**20  # at a time: 64 images of 128 x 128
LARGEST = 1024  # side of an image that is not tiled


def encode(module: CodecModule, images: Tensor) -> Moments:
    """`module.encode(images)`, images (B, C, *S)."""
    size = tuple(images.shape[2:])
    run = encode_tiled if _tiled(size) else lambda module, part: module.encode(part)
    parts = [run(module, part) for part in images.split(_count(size))]
    means, spreads = [part.mean for part in parts], [part.std for part in parts if part.std is not None]
    return Moments(torch.cat(means), torch.cat(spreads) if spreads else None)


def decode(module: CodecModule, latents: Tensor, size: tuple[int, ...]) -> Tensor:
    """`module.decode(latents, size)`, latents (B, c, *s); size is (H, W), or (F, H, W) of sequences."""
    run = decode_tiled if _tiled(size) else lambda module, part, size: module.decode(part, size)
    return torch.cat([run(module, part, size) for part in latents.split(_count(size))])


def _tiled(size: tuple[int, ...]) -> bool:
    return len(size) == 2 and max(size) > LARGEST


def _count(size: tuple[int, ...]) -> int:
    return max(PIXELS // math.prod(size), 1)
