"""Where drawn images go, batch by batch, so that what was drawn is kept whatever happens, and memory does not grow with their number.

    folder      a file an image, written when its batch is drawn; .NAME.debruit.json beside the folder says of which settings they are
    FILE.npy    rows of .FILE.npy.unfinished, which gets its name when the last is written; .FILE.npy.debruit.json as above, until then
    FILE.png    one grid of all: kept in memory up to GRID_PIXELS, and written at the end

The same command continues: images that are there are not drawn again. Files of other settings, or of nobody knows what, are refused before any work.
"""

import contextlib
import io
import os
import re
import shutil
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from debruit.console import say
from debruit.errors import InputError
from debruit.files.atomic import storage_problem, synchronise
from debruit.workflows.image_files import write_images
from debruit.workflows.manifest import WAY_OUT, Settings, check_same, manifest_of, write_manifest
from debruit.workflows.progress import Shown

GRID_PIXELS = 10**8  # of a grid: 300 MB in memory
OURS = re.compile(r"(\d{6,})\.(png|tiff|npy)")


class Place(Protocol):
    """`there` of the images were finished before; `missing` are the others, `add` takes some of them in turn, `finish` is called after the last. `kept` says
    what an interruption leaves."""

    out: Path
    there: int
    beyond: int  # images that are there and were not asked for

    def missing(self) -> Iterator[range]: ...
    def add(self, first: int, images: Tensor) -> None: ...
    def finish(self) -> None: ...
    def kept(self) -> str: ...


class Folder:
    """A file an image."""

    def __init__(self, out: Path, settings: Settings, count: int) -> None:
        self.out, self.settings, self.count = out, settings, count
        self.found = self._look()
        self.there = sum(k < count for k in self.found)
        self.beyond = len(self.found) - self.there

    def _look(self) -> set[int]:
        """The numbers of the images that are there. InputError: other files, or images of other settings."""
        try:
            names = sorted(entry.name for entry in os.scandir(self.out) if not entry.name.startswith("."))
        except FileNotFoundError:
            return set()
        if foreign := [name for name in names if not OURS.fullmatch(name)]:
            raise InputError(
                f"--out {self.out} holds {_files(len(foreign))} that no such command wrote (the first: {foreign[0]}): {WAY_OUT}"
            )
        if names:
            check_same(self.out, self.settings, _images(len(names)))
        return {int(name.partition(".")[0]) for name in names}

    def missing(self) -> Iterator[range]:
        return gaps(set(self.found), self.count)

    def add(self, first: int, images: Tensor) -> None:
        if not self.found:
            self.out.mkdir(parents=True, exist_ok=True)
            write_manifest(self.out, self.settings)
        write_images({self.out / f"{first + k:06d}": image for k, image in enumerate(images.numpy())})
        self.found |= set(range(first, first + len(images)))

    def finish(self) -> None:
        """Every file has its name already."""

    def kept(self) -> str:
        return f"{sum(k < self.count for k in self.found):,} of {_images(self.count)} are in {self.out}"


class Array:
    """One array (N, C, H, W), its rows written as they come."""

    def __init__(self, out: Path, settings: Settings, count: int) -> None:
        self.out, self.settings, self.count = out, settings, count
        self.part = out.with_name(f".{out.name}.unfinished")
        self.rows = self._look()
        self.there, self.beyond = min(self.rows, count), max(self.rows - count, 0)

    def _look(self) -> int:
        """How many rows there are. InputError: of other settings."""
        if not self.part.exists():
            return 0
        with open(self.part, "rb") as file:
            try:
                np.lib.format.read_magic(file)
                shape, _, dtype = np.lib.format.read_array_header_1_0(file)
            except ValueError:  # cut short before its first row
                return 0
            rows = (os.fstat(file.fileno()).st_size - file.tell()) // _bytes(shape, dtype)
        check_same(self.out, self.settings, f"{_images(rows)} of an unfinished array ({self.part.name})")
        return rows

    def missing(self) -> Iterator[range]:
        if self.there < self.count:
            yield range(self.there, self.count)

    def add(self, first: int, images: Tensor) -> None:
        array = np.ascontiguousarray(images.numpy())
        if not self.rows:
            self.out.parent.mkdir(parents=True, exist_ok=True)
            write_manifest(self.out, self.settings)
        header = _header((self.count, *array.shape[1:]), array.dtype)
        self._write({0: header, len(header) + first * array[0].nbytes: array.data})
        self.rows = first + len(array)

    def finish(self) -> None:
        with open(self.part, "rb") as file:
            np.lib.format.read_magic(file)
            shape, _, dtype = np.lib.format.read_array_header_1_0(file)
        header = _header((self.count, *shape[1:]), dtype)
        self._write({0: header}, size=len(header) + self.count * _bytes(shape, dtype))
        os.replace(self.part, self.out)
        manifest_of(self.out).unlink(missing_ok=True)
        synchronise(self.out.absolute().parent)

    def kept(self) -> str:
        return f"{min(self.rows, self.count):,} of {_images(self.count)} are kept for {self.out}"

    def _write(self, pieces: dict[int, Any], size: int | None = None) -> None:
        with open(self.part, "r+b" if self.part.exists() else "w+b") as file:
            for at, piece in pieces.items():
                file.seek(at)
                file.write(piece)
            file.truncate(size)
            file.flush()
            os.fsync(file.fileno())


class Grid:
    """One picture of all of them, which `draw` makes."""

    def __init__(self, out: Path, count: int, draw: Callable[[Tensor], object]) -> None:
        self.out, self.count, self.there, self.beyond, self._draw = out, count, 0, 0, draw
        self._parts: list[Tensor] = []

    def missing(self) -> Iterator[range]:
        yield range(self.count)

    def add(self, first: int, images: Tensor) -> None:
        self._parts.append(images)

    def finish(self) -> None:
        self._draw(torch.cat(self._parts))

    def kept(self) -> str:
        return f"nothing was written: {self.out} is one picture of {_images(self.count)}; --out FOLDER keeps each when it is drawn"


def find_place(
    out: Path,
    settings: Settings,
    count: int,
    shape: tuple[int, int, int],
    depth: str,
    draw: Callable[[Tensor], object],
) -> Place:
    """The place that a suffix means, for images (C, H, W) of this dtype; `draw` writes the picture. InputError: files that are not of these settings, a grid
    that is too large, no room on the disk."""
    if out.suffix.lower() == ".npy":
        check_room(out, count * int(np.prod(shape)) * np.dtype(depth).itemsize)
        return Array(out, settings, count)
    if out.suffix:
        scale = max(1, round(64 / max(shape[1:])))  # as pictures.grid
        pixels = (shape[1] * scale + 2) * (shape[2] * scale + 2)
        if count * pixels > GRID_PIXELS:
            raise InputError(
                f"--out {out}: a grid of {_images(count)} would have {count * pixels / 1e6:,.0f} million pixels, and it may have "
                f"{GRID_PIXELS / 1e6:,.0f} million, {GRID_PIXELS // pixels:,} images: give a folder or FILE.npy, or a smaller -n"
            )
        return Grid(out, count, draw)
    return Folder(out, settings, count)


def fill(
    place: Place,
    count: int,
    batch: int,
    draw: Callable[[int, int, Callable[[float], object]], Tensor],
    *,
    what: str = "sampling",
) -> None:
    """Draws what is missing: `draw(first, number, watch)` gives images at rest, and calls `watch` with the share of them that is done. InputError: a batch
    of none, and where the disk is full."""
    if batch < 1:
        raise InputError(f"a batch of {batch} images: give 1 or more")
    done = place.there
    with Shown(what, count, done / count) as shown:
        for part in place.missing():
            for first in range(part.start, part.stop, batch):
                number = min(batch, part.stop - first)
                at = done
                images = draw(first, number, lambda share, at=at, number=number: shown((at + number * share) / count))
                with _kept(place):
                    place.add(first, images)
                done += number
        with _kept(place):
            place.finish()


@contextlib.contextmanager
def _kept(place: Place) -> Generator[None]:
    """A full disk ends the drawing, not what is there."""
    try:
        yield
    except OSError as error:
        reason = storage_problem(error) or str(error)
        raise InputError(
            f"{place.out} cannot be written, {reason}; {place.kept()}; the same command continues"
        ) from error


def say_kept(place: Place) -> None:
    """What was there before, where something was."""
    if place.there:
        say(f"{_images(place.there)} of these settings were there already and are kept")
    if place.beyond:
        left = "left where they are" if isinstance(place, Folder) else "left out"
        say(f"{_images(place.beyond)} of these settings that were not asked for now were there, and are {left}")


def interrupted(place: Place) -> int:
    """What Ctrl-C leaves, and how to go on; the exit code."""
    say(f"stopped: {place.kept()}" + ("" if isinstance(place, Grid) else "; the same command continues"))
    return 130


def check_room(out: Path, needed: int) -> None:
    """InputError if the disk has no room for a file of so many bytes there."""
    above = next(place for place in (out.absolute().parent, *out.absolute().parents) if place.exists())
    free = shutil.disk_usage(above).free
    if needed > free:
        raise InputError(
            f"--out {out} needs {needed / 1e6:,.0f} MB, and its disk has {free / 1e6:,.0f} MB left: give a smaller -n, or another disk"
        )


def _header(shape: tuple[int, ...], dtype: np.dtype) -> bytes:
    """Header of a .npy file; as long for any number of rows (numpy leaves room for its digits)."""
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        file, {"shape": shape, "fortran_order": False, "descr": np.lib.format.dtype_to_descr(dtype)}
    )
    return file.getvalue()


def gaps(found: set[int], count: int) -> Iterator[range]:
    """What is missing of 0..count - 1, as ranges."""
    start = None
    for k in range(count + 1):
        absent = k < count and k not in found
        if absent and start is None:
            start = k
        if not absent and start is not None:
            yield range(start, k)
            start = None


def _bytes(shape: tuple[int, ...], dtype: np.dtype) -> int:
    """Bytes of one row of the array."""
    return int(np.prod(shape[1:])) * dtype.itemsize


def _images(count: int) -> str:
    return "1 image" if count == 1 else f"{count:,} images"


def _files(count: int) -> str:
    return "1 file" if count == 1 else f"{count:,} files"
