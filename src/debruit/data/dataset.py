"""The result of a data source: a description (`DataSpec`) and a map-style sequence of items (`Dataset`).

Data at rest is uint8, uint16 or float32, (C, H, W). Inside the model it is float32 in [-1, 1]: the spec's `low` maps
to -1 and `high` to 1. The images stay in a file that is mapped into memory: a batch reads its own rows and nothing
else.
"""

import json
import mmap
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from debruit import config
from debruit.annotations.custom_split import parts_of, split_note
from debruit.data.frame_folders import first_frames
from debruit.files.store import META
from debruit.images.spec import DataSpec, Skipped

if TYPE_CHECKING:  # at run time torch is imported where tensors are made: listing the sources should not wait for it
    import torch

IMAGES, MASKS, LOCATIONS = "images.bin", "masks.bin", "places.bin"
RELEASE_BYTES = 256 * 2**20  # pages of the mapping that may be resident before they are handed back
FAULT_BYTES = 64 * 2**10  # what one random row brings in at least, since the kernel maps the pages around it too


def captions_of(texts: Sequence[Sequence[str] | None] | None) -> list[tuple[str, ...]] | None:
    """Return the captions of each item from meta.json; blank ones are left out."""
    if texts is None:
        return None
    return [tuple(caption for caption in captions or () if caption) for captions in texts]


class Rows(Protocol):
    """The array interface (N, ...) that `Dataset` needs: a mapped file, or a streamed source, which decodes its rows on
    demand."""

    @property
    def shape(self) -> tuple[int, ...]: ...
    @property
    def nbytes(self) -> int: ...
    def __getitem__(self, indices: np.ndarray, /) -> np.ndarray: ...


class Tabled(Protocol):
    """Access to the columns of a data set's tables, which its source provides (plan.py)."""

    def columns(self) -> tuple[str, ...]: ...
    def column(self, name: str) -> Mapping[str, str]: ...


class Dataset:
    """Item n is {"image": (C, H, W) tensor at rest, "label": int, "text": str, "mask": (H, W) uint8}; all but the
    first only where the data has them.

    `texts` holds the captions of each item, one or several. `paths` names the items, `skipped` the ones that could not
    be read, and `notes` reports the decisions of the reader. `blocks` counts the consecutive items that share a file,
    where the order of reading matters. `parts` (N,) is a custom split (custom_split.py), or None. `tables` gives access
    to the columns of the tables."""

    def __init__(
        self,
        spec: DataSpec,
        images: Rows,
        *,
        paths: Sequence[str],
        labels: Sequence[int] | None = None,
        texts: Sequence[Sequence[str]] | None = None,
        masks: Rows | None = None,
        skipped: Sequence[Skipped] = (),
        notes: Sequence[str] = (),
        mapping: mmap.mmap | None = None,
        folder: Path | None = None,
        blocks: Sequence[int] | None = None,
        parts: np.ndarray | None = None,
        reopen: "Callable[[Path], Dataset] | None" = None,
    ):
        assert images.shape == (spec.count, *spec.shape), (images.shape, spec)
        self.spec = spec
        self.images = images
        self.paths = tuple(paths)
        self.labels = None if labels is None else np.asarray(labels, dtype=np.int64)
        self.texts = None if texts is None else tuple(tuple(captions) for captions in texts)
        self.masks = masks
        assert masks is None or masks.shape == (spec.count, *spec.shape[1:]), (masks.shape, spec)
        self.skipped = tuple(skipped)
        self.notes = tuple(notes)
        self.folder = folder
        self.blocks = None if blocks is None else tuple(blocks)
        assert blocks is None or sum(blocks) == spec.count, (blocks, spec.count)
        self.parts = parts
        self.tables: Tabled | None = None
        self.splits: dict[Any, Any] = {}  # by SplitConfig (split.py)
        self._reopen = reopen
        self._mapping = mapping
        self._resident = 0

    @classmethod
    def load(cls, folder: Path) -> "Dataset":
        """Map a cache entry. OSError, ValueError, KeyError or TypeError mean that the entry is not whole."""
        meta = json.loads((folder / META).read_bytes())
        spec = config.decode(meta["spec"], DataSpec)
        with open(folder / IMAGES, "rb") as file:
            mapping = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        images = np.frombuffer(mapping, dtype=spec.depth).reshape(spec.count, *spec.shape)
        masks = (
            np.memmap(folder / MASKS, np.uint8, "r", shape=(spec.count, *spec.shape[1:])) if spec.mask_names else None
        )
        return cls.of_entry(folder, meta, images, masks=masks, mapping=mapping)

    @classmethod
    def of_entry(cls, folder: Path, meta: Mapping[str, Any], images: Rows, **more: Any) -> "Dataset":
        """Return the data set of a cache entry: its meta.json, with `images`, rows of any kind; `more` as in the
        constructor."""
        parts = parts_of(meta["paths"], meta["parts"]) if "parts" in meta else None
        return cls(
            config.decode(meta["spec"], DataSpec),
            images,
            paths=meta["paths"],
            labels=meta["labels"],
            texts=captions_of(meta["texts"]),
            skipped=[Skipped(*item) for item in meta["skipped"]],
            notes=[*meta["notes"], *split_note(parts)],
            folder=folder,
            parts=parts,
            **more,
        )

    def called(self, name: str, *, notes: Sequence[str], skipped: Sequence[Skipped]) -> "Dataset":
        """Return a data set of these items under another name, with other notes and reasons."""
        renamed = object.__new__(type(self))  # `copy` would read it again
        renamed.__dict__.update(self.__dict__)
        renamed.spec, renamed.notes, renamed.skipped = replace(self.spec, name=name), tuple(notes), tuple(skipped)
        return renamed

    def __reduce__(self):  # another process maps the same file: a mapping cannot, and a copy must not, be sent
        assert self.folder, "only a data set that lives in the cache can be sent to another process"
        return _reopened, (self._reopen or Dataset.load, self.folder, self.spec.name, self.notes, self.skipped)

    def with_tables(self, tables: Tabled) -> "Dataset":
        """Set the access to the tables, and return the data set itself."""
        self.tables = tables
        return self

    def __len__(self) -> int:
        return self.spec.count

    def __getitem__(self, n: int) -> dict[str, Any]:
        if not -len(self) <= n < len(self):
            raise IndexError(n)
        batch = self.batch([n % len(self)])
        item: dict[str, Any] = {"image": batch["image"][0]}
        if "label" in batch:
            item["label"] = int(batch["label"][0])
        return item | {name: batch[name][0] for name in ("text", "mask") if name in batch}

    def batch(self, indices: Sequence[int] | np.ndarray) -> dict[str, Any]:
        """Return the items of these indices: "image" (B, C, H, W) at rest, "label" (B,) int64, "text" a list of B
        strings, "mask" (B, H, W) uint8."""
        return {"image": self.images_of(indices)} | self.conditions(indices)

    def images_of(self, indices: Sequence[int] | np.ndarray) -> "torch.Tensor":
        """Return the images of these indices, (B, C, H, W) at rest."""
        import torch

        return torch.from_numpy(self._read(np.asarray(indices, dtype=np.int64)))

    def conditions(
        self,
        indices: Sequence[int] | np.ndarray,
        epochs: np.ndarray | None = None,
        *,
        fields: Collection[str] = ("label", "text", "mask"),
    ) -> dict[str, Any]:
        """Return these fields of `batch` other than the images, without reading the images.

        Of several captions the first is taken; with `epochs` (B,) they take turns from epoch to epoch. The field
        "first" gives the first frames of the images' folders (frame_folders.py), (B, C, H, W) at rest."""
        import torch

        indices, batch = np.asarray(indices, dtype=np.int64), {}
        if self.labels is not None and "label" in fields:
            batch["label"] = torch.from_numpy(self.labels[indices])
        if self.texts is not None and "text" in fields:
            turns = np.zeros_like(indices) if epochs is None else epochs + indices
            captions = [self.texts[n] for n in indices]
            batch["text"] = [of[turn % len(of)] if of else "" for of, turn in zip(captions, turns, strict=True)]
        if self.masks is not None and "mask" in fields:
            batch["mask"] = torch.from_numpy(self.masks[indices])
        if "first" in fields:
            batch["first"] = self.images_of(self.first_frames[indices])
        return batch

    @cached_property
    def first_frames(self) -> np.ndarray:
        """Return for each image the index of the first frame of its folder, (N,) int64: itself where it is alone in its
        folder."""
        return first_frames(self.paths)

    def chunks(self, rows: int = 256) -> Iterator[np.ndarray]:
        """Yield all images in order, as arrays of at most `rows` images."""
        for start in range(0, len(self), rows):
            yield self._read(np.arange(start, min(start + rows, len(self))))

    def _read(self, indices: np.ndarray) -> np.ndarray:
        rows = self.images[indices]
        self._resident += len(rows) * max(self.images.nbytes // len(self), FAULT_BYTES)
        if self._resident > RELEASE_BYTES:  # only the mapping is given up, the system keeps what it has cached
            self._resident = 0
            if self._mapping is not None and hasattr(mmap, "MADV_DONTNEED"):
                self._mapping.madvise(mmap.MADV_DONTNEED)
        return rows


def _reopened(
    load: "Callable[[Path], Dataset]", folder: Path, name: str, notes: Sequence[str], skipped: Sequence[Skipped]
) -> Dataset:
    return load(folder).called(name, notes=notes, skipped=skipped)
