"""The nearest training images of any images, exactly, in memory that does not grow with the number of training images
nor with their size."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from debruit import events
from debruit.data.dataset import Dataset
from debruit.images.spec import DataSpec

THUMBNAIL = 32  # pixels a side
ROWS, QUERIES = 4096, 1024  # training images and queries of one block of distances
PIECE_BYTES = 64 * 2**20  # of full-size images as float32, at a time
REPORT_EVERY = 10  # blocks


@dataclass(frozen=True, kw_only=True)
class Neighbours:
    """The k nearest training images of n images, nearest first: `indices` (n, k), `distances` (n, k) float64."""

    indices: np.ndarray
    distances: np.ndarray

    def __len__(self) -> int:
        return len(self.distances)

    @property
    def ratio(self) -> np.ndarray:
        """Distance to the nearest over the mean distance to the k, (n,), in [0, 1]; 0 where all k are duplicates."""
        mean = self.distances.mean(1)
        return np.divide(self.distances[:, 0], mean, out=np.zeros(len(mean)), where=mean > 0)

    def part(self, start: int, stop: int) -> "Neighbours":
        """The neighbours of images start..stop - 1."""
        return Neighbours(indices=self.indices[start:stop], distances=self.distances[start:stop])


def nearest(
    queries: np.ndarray,
    blocks: Iterator[np.ndarray],
    k: int,
    *,
    mirror: np.ndarray | None = None,
    total: int = 0,
) -> Neighbours:
    """The k nearest rows, in Euclidean distance, of all `blocks` (b, D) for each query (n, D); indices count the rows
    of the blocks.

    ||q - x||^2 = ||q||^2 + ||x||^2 - 2 q.x in float64, whose rounding is far below what one 8-bit level in one pixel
    makes. With `mirror`, the order (D,) of columns that mirrors a row, a distance is the smaller of those of the query
    and of its mirror image: each row still counts once. `total` is the number of rows to come, for progress reports.
    """
    q = torch.from_numpy(np.ascontiguousarray(queries, dtype=np.float64))
    best = torch.full((len(q), 0), math.inf, dtype=torch.float64)
    which = torch.empty((len(q), 0), dtype=torch.int64)
    order = None if mirror is None else torch.from_numpy(mirror)
    first = 0
    for number, block in enumerate(blocks, start=1):
        x = torch.from_numpy(np.ascontiguousarray(block, dtype=np.float64))
        norms, last = x.square().sum(1), first + len(x)
        parts = []
        for part, old, old_which in zip(q.split(QUERIES), best.split(QUERIES), which.split(QUERIES), strict=True):
            sums = part.square().sum(1, keepdim=True) + norms
            squares = torch.addmm(sums, part, x.T, alpha=-2)
            if order is not None:
                squares = torch.minimum(squares, torch.addmm(sums, part[:, order], x.T, alpha=-2))
            value, columns = torch.cat([old, squares], 1).topk(min(k, last), largest=False)
            rows = torch.arange(first, last).expand(len(part), -1)
            parts.append((value, torch.cat([old_which, rows], 1).gather(1, columns)))
        best, which = (torch.cat(column) for column in zip(*parts, strict=True))
        first = last
        if number % REPORT_EVERY == 0:
            events.say(f"compared with {first:,} of {total:,} training images")
    return Neighbours(indices=which.numpy(), distances=best.clamp(min=0).sqrt().numpy())


def thumbnails(images: Tensor, spec: DataSpec) -> np.ndarray:
    """Images at rest (N, C, H, W) as vectors (N, D) float32: their range on 0..1, averaged over areas to at most 32
    pixels a side. Of the images themselves only PIECE_BYTES are converted at a time."""
    return np.concatenate([_shrunk(piece, spec) for piece in images.split(piece_rows(spec))])


def thumbnail_blocks(dataset: Dataset, indices: np.ndarray) -> Iterator[np.ndarray]:
    """The thumbnails of these images in blocks of ROWS, the images read a piece at a time as they are needed."""
    for start in range(0, len(indices), ROWS):
        block = pieces(indices[start : start + ROWS], dataset.spec)
        yield np.concatenate([thumbnails(dataset.batch(piece)["image"], dataset.spec) for piece in block])


def mirror_columns(spec: DataSpec) -> np.ndarray:
    """The order (D,) of a thumbnail's values that makes it the thumbnail of the image mirrored left to right."""
    shape = (spec.channels, *_thumbnail_size(spec))
    return np.arange(math.prod(shape)).reshape(shape)[:, :, ::-1].flatten()


def piece_rows(spec: DataSpec) -> int:
    """How many full-size images take PIECE_BYTES as float32, at least one."""
    return max(1, PIECE_BYTES // (4 * math.prod(spec.shape)))


def pieces(indices: np.ndarray, spec: DataSpec) -> Iterator[np.ndarray]:
    """The indices in parts of so many images."""
    rows = piece_rows(spec)
    return (indices[start : start + rows] for start in range(0, len(indices), rows))


def identical(images: Tensor, dataset: Dataset, near: Neighbours, *, mirrored: bool = False) -> np.ndarray:
    """Whether the images at rest (n, C, H, W) equal one of their nearest neighbours (indices of the data) value for
    value, (n,) bool; if `mirrored`, they themselves or mirrored left to right."""
    equal = np.zeros(len(images), dtype=bool)
    backwards = torch.arange(images.shape[-1] - 1, -1, -1)  # since torch cannot flip uint16
    for n, (indices, distances) in enumerate(zip(near.indices, near.distances, strict=True)):
        targets = torch.stack([images[n], images[n][..., backwards]] if mirrored else [images[n]])
        equal[n] = any(
            bool((dataset.batch(piece)["image"][:, None] == targets).flatten(2).all(2).any())
            for piece in pieces(indices[distances < IDENTICAL], dataset.spec)
        )
    return equal


def _shrunk(images: Tensor, spec: DataSpec) -> np.ndarray:
    x, size = images, _thumbnail_size(spec)
    if size != (
        spec.height,
        spec.width,
    ):  # before the values are scaled, which would make three more copies of the whole
        x = torch.nn.functional.adaptive_avg_pool2d(x.to(torch.float32), size)
    return ((spec.to_model(x) + 1) / 2).flatten(1).numpy()


def _thumbnail_size(spec: DataSpec) -> tuple[int, int]:
    shrink = min(1.0, THUMBNAIL / max(spec.height, spec.width))
    return max(1, round(spec.height * shrink)), max(1, round(spec.width * shrink))


IDENTICAL = 1e-4  # a distance below it may be rounding; one 8-bit level in one pixel of a full-size image makes 4e-3
