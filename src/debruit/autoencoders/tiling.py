"""Large images through an autoencoder in tiles, so that memory is that of one tile.

Neighbouring tiles overlap. Of an overlap, the outer quarter of each tile is context and is thrown away, and over the
half between, the two are blended linearly. The weights of all tiles sum to one at every position, so that a constant
stays constant; and where the codec looks no farther than a quarter of the overlap, the result is that of the whole
image. One that normalises over the image (GroupNorm, attention) sees the statistics of its tile instead, which the
blending turns from seams into slow changes.

Only images, (B, C, H, W), are tiled. bounded.py passes frame sequences, (B, C, F, H, W), through the autoencoder whole.
"""

from collections.abc import Iterator
from itertools import product
from typing import NamedTuple, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from debruit.autoencoders.codec import Moments
from debruit.errors import InputError

CONTEXT = 1 / 4  # of the overlap, at the border of a tile


class Tileable(Protocol):
    """An autoencoder, as tiling sees it."""

    @property
    def factor(self) -> int: ...
    def encode(self, images: Tensor) -> Moments: ...
    def decode(self, latents: Tensor, size: tuple[int, ...]) -> Tensor: ...


class Window(NamedTuple):
    """One tile along one side: which positions of the latents it covers, and its weight at each, at the resolution of
    the result."""

    start: int
    stop: int
    weight: Tensor


@torch.no_grad()
def encode_tiled(module: Tileable, images: Tensor, *, tile: int = 512, overlap: int = 128) -> Moments:
    """As `module.encode(images)`, in tiles of `tile` pixels that overlap by `overlap` or more, both rounded down to the
    factor.

    Images (B, C, H, W) -> moments (B, c, h, w). InputError where no tile, or nothing of it besides the overlap, is
    left.
    """
    f = module.factor
    images = F.pad(images, (0, -images.shape[3] % f, 0, -images.shape[2] % f), mode="replicate")
    size = (images.shape[2] // f, images.shape[3] // f)
    mean, std = None, None
    for rows, columns, weight in _tiles(*size, f, tile, overlap, scale=1):
        moments = module.encode(images[:, :, rows.start * f : rows.stop * f, columns.start * f : columns.stop * f])
        at = (..., slice(rows.start, rows.stop), slice(columns.start, columns.stop))
        mean = _added(mean, moments.mean, weight, at, size)
        std = None if moments.std is None else _added(std, moments.std, weight, at, size)
    assert mean is not None
    return Moments(mean, std)


@torch.no_grad()
def decode_tiled(
    module: Tileable, latents: Tensor, size: tuple[int, ...], *, tile: int = 512, overlap: int = 128
) -> Tensor:
    """As `module.decode(latents, size)`, in tiles that cover `tile` pixels and overlap by `overlap` or more, both
    rounded down to the factor.

    Latents (B, c, h, w) -> images (B, C, *size). Errors as in `encode_tiled`.
    """
    f = module.factor
    height, width = latents.shape[2:]
    images = None
    for rows, columns, weight in _tiles(height, width, f, tile, overlap, scale=f):
        part = latents[:, :, rows.start : rows.stop, columns.start : columns.stop]
        decoded = module.decode(part, (part.shape[2] * f, part.shape[3] * f))
        at = (..., slice(rows.start * f, rows.stop * f), slice(columns.start * f, columns.stop * f))
        images = _added(images, decoded, weight, at, (height * f, width * f))
    assert images is not None
    return images[:, :, : size[0], : size[1]]


def _added(total: Tensor | None, part: Tensor, weight: Tensor, at: tuple, size: tuple[int, int]) -> Tensor:
    """`total` (B, C, *size), zero where None, with the weighted tile added in place."""
    total = part.new_zeros((*part.shape[:2], *size)) if total is None else total
    total[at] += part * weight.to(part)
    return total


def _tiles(
    height: int, width: int, factor: int, tile: int, overlap: int, *, scale: int
) -> Iterator[tuple[Window, Window, Tensor]]:
    """Rows, columns and weights of each tile over latents of this size; `scale` is the resolution of the weights to
    that of the latents."""
    if tile // factor <= overlap // factor or overlap < 0:
        raise InputError(
            f"tiles of {tile} pixels with an overlap of {overlap} at a factor of {factor} leave nothing of a tile: "
            "the tile must be larger than the overlap by at least the factor"
        )
    windows = (_windows(length, tile // factor, overlap // factor, scale) for length in (height, width))
    for rows, columns in product(*windows):
        yield rows, columns, rows.weight[:, None] * columns.weight


def _windows(length: int, tile: int, overlap: int, scale: int) -> list[Window]:
    """Equal tiles spread evenly over a side; their weights sum to one at each position."""
    tile = min(tile, length)
    count = 1 if tile == length else -(-(length - overlap) // (tile - overlap))
    starts = [round(n * (length - tile) / max(count - 1, 1)) for n in range(count)]
    weights = torch.zeros(count, length * scale, dtype=torch.float64)
    inside = torch.arange(tile * scale, dtype=torch.float64) + 0.5
    for n, start in enumerate(starts):
        rise = _ramp(inside, overlap * scale) if n else 1.0
        fall = _ramp(inside.flip(0), overlap * scale) if n + 1 < count else 1.0
        weights[n, start * scale : (start + tile) * scale] = rise * fall
    weights /= weights.sum(0)
    return [
        Window(start, start + tile, weights[n, start * scale : (start + tile) * scale])
        for n, start in enumerate(starts)
    ]


def _ramp(depth: Tensor, overlap: int) -> Tensor:
    """0 over the context, then linearly to 1; `depth` is the distance from the border of the tile."""
    if not overlap:
        return torch.ones_like(depth)
    return ((depth / overlap - CONTEXT) / (1 - 2 * CONTEXT)).clamp(0, 1)
