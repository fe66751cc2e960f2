"""The nearest training images of any images, exactly, in memory that does not grow with the data."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from debruit.data.dataset import Dataset, DataSpec, quiet

THUMBNAIL = 32  # pixels a side
ROWS, QUERIES = 4096, 1024  # training images and queries of one block of distances
SAID_EVERY = 10  # blocks


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
        """Those of images start..stop - 1."""
        return Neighbours(indices=self.indices[start:stop], distances=self.distances[start:stop])


def nearest(
    queries: np.ndarray,
    blocks: Iterator[np.ndarray],
    k: int,
    *,
    total: int = 0,
    say: Callable[[str], None] = quiet,
) -> Neighbours:
    """The k nearest rows, in Euclidean distance, of all `blocks` (b, D) for each query (n, D); indices count the rows of the blocks.

    ||q - x||^2 = ||q||^2 + ||x||^2 - 2 q.x in float64, whose rounding is far below what one 8-bit level in one pixel makes. `total` is the
    number of rows to come, for what is said.
    """
    q = torch.from_numpy(np.ascontiguousarray(queries, dtype=np.float64))
    best = torch.full((len(q), 0), math.inf, dtype=torch.float64)
    which = torch.empty((len(q), 0), dtype=torch.int64)
    first = 0
    for number, block in enumerate(blocks, start=1):
        x = torch.from_numpy(np.ascontiguousarray(block, dtype=np.float64))
        norms, last = x.square().sum(1), first + len(x)
        kept = []
        for part, old, old_which in zip(q.split(QUERIES), best.split(QUERIES), which.split(QUERIES), strict=True):
            squares = torch.addmm(part.square().sum(1, keepdim=True) + norms, part, x.T, alpha=-2)
            value, order = torch.cat([old, squares], 1).topk(min(k, last), largest=False)
            rows = torch.arange(first, last).expand(len(part), -1)
            kept.append((value, torch.cat([old_which, rows], 1).gather(1, order)))
        best, which = (torch.cat(column) for column in zip(*kept, strict=True))
        first = last
        if number % SAID_EVERY == 0:
            say(f"compared with {first:,} of {total:,} training images")
    return Neighbours(indices=which.numpy(), distances=best.clamp(min=0).sqrt().numpy())


def thumbnails(images: Tensor, spec: DataSpec) -> np.ndarray:
    """Images at rest (N, C, H, W) as vectors (N, D) float32: their range on 0..1, averaged over areas to at most 32 pixels a side."""
    x = (spec.to_model(images) + 1) / 2
    shrink = min(1.0, THUMBNAIL / max(spec.height, spec.width))
    if shrink < 1:
        size = (max(1, round(spec.height * shrink)), max(1, round(spec.width * shrink)))
        x = torch.nn.functional.adaptive_avg_pool2d(x, size)
    return x.flatten(1).numpy()


def thumbnail_blocks(dataset: Dataset, indices: np.ndarray) -> Iterator[np.ndarray]:
    """The thumbnails of these images in blocks, read as they are needed."""
    for start in range(0, len(indices), ROWS):
        yield thumbnails(dataset.batch(indices[start : start + ROWS])["image"], dataset.spec)


def identical(images: Tensor, dataset: Dataset, near: Neighbours) -> np.ndarray:
    """Which of the images at rest (n, C, H, W) equal one of their nearest neighbours (indices of the data) value for value, (n,) bool."""
    found = np.zeros(len(images), dtype=bool)
    for n, (indices, distances) in enumerate(zip(near.indices, near.distances, strict=True)):
        candidates = indices[distances < IDENTICAL]
        if len(candidates):
            found[n] = bool((dataset.batch(candidates)["image"] == images[n]).flatten(1).all(1).any())
    return found


IDENTICAL = 1e-4  # a distance below it may be rounding; one 8-bit level in one pixel of a full-size image makes 4e-3
