"""The cache: every source is decoded once into a memory-mapped file, under the hash of its content.

    <root>/data/<key>/images.bin    the images, (N, C, H, W) without a header
                      masks.bin     their masks, (N, H, W) uint8, if they have some
                      LOCATIONS     of a streamed source, instead of both: offsets in its shards (streamed.py)
                      meta.json     spec, names, labels, texts, skipped items, notes, size and probe of images.bin
    <root>/latents/<key>/           latents of a data set under an autoencoder (latents.py)
    <root>/index/<listing>          the key of a folder whose names, sizes, inodes and times have not changed
    <root>/sources/<name>/          what `debruit data get` has fetched

An entry is written under a temporary name, synchronised and renamed: it is there whole or not at all, and of two
processes that build the same one the first wins. The root is chosen by files/home.py.
"""

import contextlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from debruit import config, events
from debruit.data.dataset import IMAGES, LOCATIONS, MASKS, Dataset
from debruit.errors import InputError
from debruit.files.keys import root, storage
from debruit.files.parallel import tracked
from debruit.files.store import META, check_space, find_folder, flush, read_meta, write_folder, write_meta
from debruit.images.spec import DataSpec, Skipped
from debruit.text.wording import counted, shown

# the rules by which captions, labels and groups are read: an entry of other rules is built again, under the same key
READING = 3


class Item(NamedTuple):
    """One decoded image (C, H, W), or, with `image` None, the reason why there is none. Its captions, one or
    several; its mask (H, W) uint8; its part of a custom split, by its table (custom_split.py)."""

    name: str
    image: np.ndarray | None
    label: int | None = None
    text: Sequence[str] | None = None
    mask: np.ndarray | None = None
    reason: str = ""
    part: int | None = None


@dataclass(frozen=True, kw_only=True)
class Recording:
    """The data that a source hands over for recording: a spec, whose count, range and fingerprint are filled in, and a
    stream of items. If the spec names classes of masks, every item has a mask.

    With `locations`, a row of integers for each name, the images are not copied: they are checked, and their locations
    recorded. `facts` are stored in meta.json. `divisible`: names and tables may define a custom split
    (custom_split.py)."""

    spec: DataSpec
    items: Iterable[Item]
    total: int
    origin: str  # for messages: "./photos", "openmoji"
    notes: tuple[str, ...] = ()
    locations: Mapping[str, Sequence[int]] | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    divisible: bool = False


@dataclass(frozen=True, kw_only=True)
class Location:
    """Facts about the location of a data set rather than its content, which may lie elsewhere too: its name, notes on
    its folder, and folders that cannot be opened. Never read from the cache."""

    name: str
    notes: tuple[str, ...] = ()
    unopened: tuple[Skipped, ...] = ()

    def of(self, dataset: Dataset) -> Dataset:
        """Return the data set with the facts of this location."""
        notes, skipped = (*dataset.notes, *self.notes), (*dataset.skipped, *self.unopened)
        return dataset.called(self.name, notes=notes, skipped=skipped)


def stored(
    key: str,
    record: Callable[[], Recording],
    load: Callable[[Path], Dataset] = Dataset.load,
    *,
    location: Location | None = None,
) -> Dataset:
    """Return the data set of this key: mapped by `load` if it is in the cache and whole, otherwise recorded first; with
    the name and notes of its `location`. Notes and skipped items are reported every time."""
    folder = root() / "data" / key
    dataset = recorded(key, load)
    if dataset is None:
        recording = record()
        with storage():
            write_folder(folder, lambda part: _fill(part, key, recording))
            dataset = load(folder)
    dataset = dataset if location is None else location.of(dataset)
    for line in (*dataset.notes, *(f"skipped {shown(name)}: {reason}" for name, reason in dataset.skipped)):
        events.say(line)
    if dataset.skipped:
        events.notice(f"skipped {len(dataset.skipped):,} of {counted(len(dataset) + len(dataset.skipped))}")
    return dataset


def recorded(key: str, load: Callable[[Path], Dataset] = Dataset.load) -> Dataset | None:
    """Return the data set of this key if it is in the cache and whole."""
    return find_folder(root() / "data" / key, lambda entry: _load(entry, load))


def check_reading(meta: Mapping[str, Any]) -> None:
    """ValueError for an entry of a user's files that was made by other rules."""
    if meta.get("reading") != READING:
        raise ValueError("it was read by the rules of another version")


def load_collected(folder: Path) -> Dataset:
    """Map an entry of a user's files, as `Dataset.load` does. ValueError also for one that was made by other rules."""
    check_reading(json.loads((folder / META).read_bytes()))
    return Dataset.load(folder)


def none_readable(origin: str, skipped: Sequence[Skipped]) -> InputError:
    if not skipped:
        return InputError(f"there is no image in {origin}: give a source that holds some")
    name, reason = skipped[0]
    return InputError(
        f"none of the {len(skipped):,} images in {origin} can be read (the first, {shown(name)}: {reason}); "
        "check that they open in an image viewer, or give another folder"
    )


def _load(folder: Path, load: Callable[[Path], Dataset]) -> Dataset:
    read_meta(folder, LOCATIONS if (folder / LOCATIONS).exists() else IMAGES)
    dataset = load(folder)
    masks = folder / MASKS
    if dataset.masks is not None and masks.exists() and (size := masks.stat().st_size) != dataset.masks.nbytes:
        raise ValueError(f"{MASKS} has {size:,} bytes instead of {dataset.masks.nbytes:,}")
    return dataset


def _fill(part: Path, key: str, recording: Recording) -> None:
    spec, locations = recording.spec, recording.locations
    item_bytes = int(np.prod(spec.shape)) * np.dtype(spec.depth).itemsize if locations is None else 0
    check_space(recording.origin, recording.total * item_bytes, part)
    items: list[Item] = []
    skipped: list[Skipped] = []
    low, high = np.inf, -np.inf
    masks = open(part / MASKS, "wb") if spec.mask_names and locations is None else None  # noqa: SIM115
    data = IMAGES if locations is None else LOCATIONS
    with open(part / data, "wb") as file, masks or contextlib.nullcontext():
        for item in tracked(recording.items, "reading", recording.total):
            if item.image is None:
                skipped.append(Skipped(item.name, item.reason))
                continue
            _check(item, spec)
            file.write(_row(item.image) if locations is None else _row(np.asarray(locations[item.name], np.int64)))
            if spec.depth != "uint8":
                low, high = min(low, item.image.min()), max(high, item.image.max())
            if masks is not None and item.mask is not None:
                masks.write(_row(item.mask))
            items.append(item._replace(image=None, mask=None))
        flush(file)
        if masks is not None:
            flush(masks)
    if not items:
        raise none_readable(recording.origin, skipped)
    low, high = _value_range(spec.depth, float(low), float(high))
    spec = replace(spec, count=len(items), low=low, high=high, fingerprint=key)
    meta = {
        "spec": config.encode(spec),
        "paths": [item.name for item in items],
        "labels": _column([item.label for item in items]),
        "texts": _column([item.text for item in items]),
        "skipped": skipped,
        "notes": recording.notes,
        **({"reading": READING, "parts": _column([item.part for item in items])} if recording.divisible else {}),
    }
    write_meta(part, data, meta | dict(recording.facts))


def _check(item: Item, spec: DataSpec) -> None:
    assert item.image is not None
    assert item.image.shape == spec.shape, (item.name, item.image.shape)
    assert item.image.dtype == spec.depth, (item.name, item.image.dtype)
    if spec.mask_names:
        assert item.mask is not None, item.name
        assert item.mask.shape == spec.shape[1:], (item.name, item.mask.shape)
        assert item.mask.dtype == np.uint8, (item.name, item.mask.dtype)


def _row(values: np.ndarray) -> memoryview:
    return np.ascontiguousarray(values).data


def _value_range(depth: str, low: float, high: float) -> tuple[float, float]:
    if depth == "uint8":
        return 0.0, 255.0
    if depth == "uint16":
        return 0.0, float(2 ** max(8, int(high).bit_length()) - 1)
    return low, high if high > low else low + 1.0


def _column(values: list) -> list | None:
    return values if any(value is not None for value in values) else None
