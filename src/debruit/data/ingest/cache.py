"""The cache: every source is decoded once into a memory-mapped file, found again by the hash of its content.

    <root>/data/<key>/images.bin    the images, (N, C, H, W) without a header
                      masks.bin     their masks, (N, H, W) uint8, if they have some
                      places.bin    of a streamed source, instead of both: where they lie in its shards (streamed.py)
                      meta.json     spec, names, labels, texts, what was skipped and decided, size and probe of
                      images.bin
    <root>/latents/<key>/           latents of a data set under an autoencoder (latents.py)
    <root>/index/<listing>          the key of a folder whose names, sizes, inodes and times have not changed
    <root>/sources/<name>/          what `debruit data get` has fetched

An entry is written under a temporary name, synchronised and renamed: it is there whole or not at all, and of two
processes that build the same one the first wins. Where the root is says files/home.py.
"""

import contextlib
import errno
import json
import os
import secrets
import shutil
import time
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np

from debruit import config
from debruit.data.dataset import IMAGES, MASKS, META, PLACES, Dataset
from debruit.errors import InputError
from debruit.files.atomic import synchronise
from debruit.files.keys import root, storage
from debruit.images.spec import DataSpec, Skipped
from debruit.text.wording import counted, shown

READING = 3  # the rules by which captions, labels and groups are read: an entry of other rules is built again, under the same key
PROBES, PROBE_BYTES = 16, 64 * 2**10
PROGRESS_SECONDS = 10
DAMAGE = (OSError, ValueError, KeyError, TypeError, AssertionError)  # what reading an entry that is not whole raises

Entry = TypeVar("Entry")


class Item(NamedTuple):
    """One decoded image (C, H, W), or, with `image` None, the reason why there is none. Its captions, one or several; its mask
    (H, W) uint8; the part of the data that its table says (parts.py)."""

    name: str
    image: np.ndarray | None
    label: int | None = None
    text: Sequence[str] | None = None
    mask: np.ndarray | None = None
    reason: str = ""
    part: int | None = None


@dataclass(frozen=True, kw_only=True)
class Recording:
    """What a source gives to be recorded: a spec whose count, range and fingerprint are filled in, and a stream of
    items. If the spec names classes of masks, every item has a mask. With `places`, a row of whole numbers for each name, the images stay where they
    are: they are checked, and their places recorded. `facts` are kept in meta.json. `divisible`: its names and tables may divide it (parts.py)."""

    spec: DataSpec
    items: Iterable[Item]
    total: int
    origin: str  # for messages: "./photos", "openmoji"
    notes: tuple[str, ...] = ()
    places: Mapping[str, Sequence[int]] | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    divisible: bool = False


@dataclass(frozen=True, kw_only=True)
class Place:
    """What is so of one place and not of its content, which may lie elsewhere too: its name, and what was met there. It is never read from the cache."""

    name: str
    notes: tuple[str, ...] = ()
    unopened: tuple[Skipped, ...] = ()

    def of(self, dataset: Dataset) -> Dataset:
        """The data set as it is here. Entries of before held what is now said here."""
        notes = [note for note in dataset.notes if not note.startswith("ignored ")]
        skipped = [item for item in dataset.skipped if not item.reason.startswith("this folder cannot be opened")]
        return dataset.called(self.name, notes=(*notes, *self.notes), skipped=(*skipped, *self.unopened))


def stored(
    key: str,
    record: Callable[[], Recording],
    report: Callable[[str], None],
    load: Callable[[Path], Dataset] = Dataset.load,
    *,
    place: Place | None = None,
) -> Dataset:
    """The data set of this key: mapped by `load` if it is in the cache and whole, otherwise recorded first; called and described as its `place` is. Reports
    what was decided and which items were skipped, every time."""
    folder = root() / "data" / key
    dataset = find_entry(folder, lambda entry: _load(entry, load), report)
    if dataset is None:
        recording = record()
        with storage():
            write_entry(folder, lambda part: _fill(part, key, recording, report))
            dataset = load(folder)
    dataset = dataset if place is None else place.of(dataset)
    for line in (*dataset.notes, *(f"skipped {shown(name)}: {reason}" for name, reason in dataset.skipped)):
        report(line)
    if dataset.skipped:
        report(f"skipped {len(dataset.skipped):,} of {counted(len(dataset) + len(dataset.skipped))}")
    return dataset


def check_reading(meta: Mapping[str, Any]) -> None:
    """ValueError for an entry of a user's files that was made by other rules."""
    if meta.get("reading") != READING:
        raise ValueError("it was read by the rules of another version")


def load_collected(folder: Path) -> Dataset:
    """Maps an entry of a user's files, as `Dataset.load`. ValueError also for one that was made by other rules."""
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


def find_entry(folder: Path, load: Callable[[Path], Entry], report: Callable[[str], None]) -> Entry | None:
    """What `load` makes of an entry; one that is not whole is removed, saying so."""
    if not folder.exists():
        return None
    try:
        return load(folder)
    except DAMAGE as error:
        report(f"the cache entry {folder} is damaged ({error}): building it again")
        shutil.rmtree(folder, ignore_errors=True)
        return None


def read_meta(folder: Path, data: str) -> dict[str, Any]:
    """The meta.json of an entry whose file `data` is as it says; one of DAMAGE where that is not so."""
    meta = json.loads((folder / META).read_bytes())
    size = (folder / data).stat().st_size
    if size != meta["bytes"]:
        raise ValueError(f"{data} has {size:,} bytes instead of {meta['bytes']:,}")
    if _probe(folder / data) != meta["probe"]:
        raise ValueError(f"the content of {data} has changed")
    return meta


def write_meta(folder: Path, data: str, meta: dict[str, Any]) -> None:
    """meta.json of an entry whose file `data` is complete."""
    checks = {"bytes": (folder / data).stat().st_size, "probe": _probe(folder / data)}
    with open(folder / META, "wb") as file:
        file.write(json.dumps(meta | checks).encode())
        flush(file)


def write_entry(target: Path, fill: Callable[[Path], None]) -> None:
    """Makes the folder `target`, whole or not at all: `fill` writes into a temporary one. Where another process was faster its entry stays."""
    part = target.with_name(f"{target.name}.{os.getpid()}-{secrets.token_hex(4)}.part")
    try:
        part.mkdir(parents=True)
        _remove_stale(part.parent)
        fill(part)
        synchronise(part)
        try:
            os.rename(part, target)
        except OSError as error:  # another process was faster: its entry has the same content
            if error.errno not in (errno.EEXIST, errno.ENOTEMPTY):
                raise
        synchronise(target.parent)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def check_space(origin: str, needed: int, folder: Path) -> None:
    """InputError if the disk has no room for `needed` bytes more."""
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise InputError(
            f"the cache of {origin} needs {needed / 1e6:,.0f} MB and the disk of {root()} has "
            f"{free / 1e6:,.0f} MB left: choose a smaller size, or set DEBRUIT_CACHE to a folder on "
            "another disk"
        )


def flush(file) -> None:
    """Waits until what was written to an open file is on the disk."""
    file.flush()
    os.fsync(file.fileno())


def _load(folder: Path, load: Callable[[Path], Dataset]) -> Dataset:
    read_meta(folder, PLACES if (folder / PLACES).exists() else IMAGES)
    dataset = load(folder)
    masks = folder / MASKS
    if dataset.masks is not None and masks.exists() and (size := masks.stat().st_size) != dataset.masks.nbytes:
        raise ValueError(f"{MASKS} has {size:,} bytes instead of {dataset.masks.nbytes:,}")
    return dataset


def _fill(part: Path, key: str, recording: Recording, report: Callable[[str], None]) -> None:
    spec, places = recording.spec, recording.places
    item_bytes = int(np.prod(spec.shape)) * np.dtype(spec.depth).itemsize if places is None else 0
    check_space(recording.origin, recording.total * item_bytes, part)
    kept: list[Item] = []
    skipped: list[Skipped] = []
    low, high, said = np.inf, -np.inf, time.monotonic()
    masks = open(part / MASKS, "wb") if spec.mask_names and places is None else None  # noqa: SIM115
    data = IMAGES if places is None else PLACES
    with open(part / data, "wb") as file, masks or contextlib.nullcontext():
        for item in recording.items:
            if item.image is None:
                skipped.append(Skipped(item.name, item.reason))
                continue
            _check(item, spec)
            file.write(_row(item.image) if places is None else _row(np.asarray(places[item.name], np.int64)))
            if spec.depth != "uint8":
                low, high = min(low, item.image.min()), max(high, item.image.max())
            if masks is not None and item.mask is not None:
                masks.write(_row(item.mask))
            kept.append(item._replace(image=None, mask=None))
            if time.monotonic() - said > PROGRESS_SECONDS:
                said = time.monotonic()
                report(f"read {len(kept) + len(skipped):,} of {recording.total:,} images")
        flush(file)
        if masks is not None:
            flush(masks)
    if not kept:
        raise none_readable(recording.origin, skipped)
    low, high = _value_range(spec.depth, float(low), float(high))
    spec = replace(spec, count=len(kept), low=low, high=high, fingerprint=key)
    meta = {
        "spec": config.encode(spec),
        "paths": [item.name for item in kept],
        "labels": _column([item.label for item in kept]),
        "texts": _column([item.text for item in kept]),
        "skipped": skipped,
        "notes": recording.notes,
        **({"reading": READING, "parts": _column([item.part for item in kept])} if recording.divisible else {}),
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


def _probe(path: Path) -> int:
    """A checksum of blocks spread over the file: holes and foreign content show without reading gigabytes."""
    size, check = path.stat().st_size, 0
    with open(path, "rb") as file:
        for n in range(PROBES):
            file.seek(n * max(size - PROBE_BYTES, 0) // (PROBES - 1))
            check = zlib.crc32(file.read(PROBE_BYTES), check)
    return check


def _remove_stale(folder: Path) -> None:
    for left_over in folder.glob("*.part"):  # of a process that was killed
        try:
            if time.time() - left_over.stat().st_mtime > 86400:
                shutil.rmtree(left_over, ignore_errors=True)
        except OSError:
            continue
