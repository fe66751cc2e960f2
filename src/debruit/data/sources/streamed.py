"""A data set whose images stay in their shards: the cache stores the location of each, and rows are decoded on
demand.

    LOCATIONS    (N, 5) int64: number of the shard, offset and size of the image, offset and size of its mask

Locations, names, labels and captions are in memory; of the images only those of one batch.
"""

import json
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from debruit import config
from debruit.annotations.masks import Coding, decode_mask
from debruit.data.dataset import LOCATIONS, META, Dataset
from debruit.data.ingest.cache import check_reading
from debruit.errors import InputError
from debruit.files.blobs import Part, Stamp
from debruit.files.parallel import mapped
from debruit.images.pixels import Target, Unreadable, decode
from debruit.images.spec import DataSpec

COLUMNS = 5
SHARD, IMAGE, MASK = 0, 1, 3  # columns of the locations


class Decoded:
    """Rows (N, ...) that are decoded from parts of shards, by a few threads."""

    def __init__(
        self,
        parts: Callable[[int], Part],
        read: Callable[[Part], np.ndarray],
        shape: tuple[int, ...],
        dtype: str,
    ) -> None:
        self.shape, self.dtype = shape, np.dtype(dtype)
        self._parts, self._read = parts, read

    @property
    def nbytes(self) -> int:
        """Bytes that all rows would take in memory."""
        return int(np.prod(self.shape)) * self.dtype.itemsize

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, indices: np.ndarray) -> np.ndarray:
        """Rows in the order of `indices` (B,). InputError: a shard has changed."""
        rows = np.empty((len(indices), *self.shape[1:]), self.dtype)
        parts = [self._parts(int(n)) for n in indices]
        for n, row in enumerate(mapped(self._decoded, parts)):
            rows[n] = row
        return rows

    def _decoded(self, part: Part) -> np.ndarray:
        try:
            return self._read(part)
        except Unreadable as error:  # it could be read when the shard was indexed
            raise InputError(
                f"the image at byte {part.offset:,} of {part.path} cannot be read any more ({error}): check the disk, "
                "or index the shard again"
            ) from None


def open_streamed(folder: Path, *, shards: Sequence[tuple[Path, Stamp]]) -> Dataset:
    """Open the data set of a cache entry whose images lie in these shards. OSError, ValueError, KeyError or TypeError:
    the entry is not whole."""
    meta = json.loads((folder / META).read_bytes())
    check_reading(meta)
    spec: DataSpec = config.decode(meta["spec"], DataSpec)
    target: Target = config.decode(meta["target"], Target)
    coding = config.decode(meta["coding"], Coding) if meta["coding"] else None
    locations = np.fromfile(folder / LOCATIONS, np.int64).reshape(spec.count, COLUMNS)
    if len(locations) and locations[:, SHARD].max() >= len(shards):
        raise ValueError(f"it is of more than {len(shards)} shards")

    def parts(column: int) -> Callable[[int], Part]:
        def part(n: int) -> Part:
            path, stamp = shards[locations[n, SHARD]]
            return Part(path, int(locations[n, column]), int(locations[n, column + 1]), stamp)

        return part

    images = Decoded(parts(IMAGE), lambda part: decode(part, target), (spec.count, *spec.shape), spec.depth)
    masks = None
    if coding is not None:
        masks = Decoded(
            parts(MASK), lambda part: decode_mask(part, target, coding), (spec.count, *spec.shape[1:]), "uint8"
        )
    return Dataset.of_entry(
        folder,
        meta,
        images,
        masks=masks,
        blocks=[count for count in np.bincount(locations[:, SHARD]).tolist() if count],
        reopen=partial(open_streamed, shards=tuple(shards)),
    )
