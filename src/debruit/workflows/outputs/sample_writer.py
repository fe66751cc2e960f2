"""Writers of generated images, batch by batch: what is finished is kept whatever happens, and memory does not grow with
the number of images.

    folder      one file per image, written when its batch is ready; their settings in .NAME.debruit.json next to it
    FILE.npy    rows of .FILE.npy.unfinished, renamed after the last one; .FILE.npy.debruit.json as above, until then
    FILE.png    one grid of all images (or FILE.gif, FILE.webp in motion): kept in memory, written at the end
    None        all images stay in memory

The same command continues: images that are there are not generated again. Files of other or unknown settings are
refused before any work.
"""

import contextlib
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Protocol

import numpy as np
from torch import Tensor

from debruit import events
from debruit.errors import InputError
from debruit.files.atomic import storage_problem
from debruit.workflows.outputs.array_file import ArrayWriter, check_room
from debruit.workflows.outputs.grid_file import GridWriter, MemoryWriter, check_pixels
from debruit.workflows.outputs.image_folder import FolderWriter
from debruit.workflows.outputs.manifest import Manifest, count_text
from debruit.workflows.progress import ProgressMeter

Generate = Callable[[int, int, Callable[[float], object]], Tensor]


class SampleWriter(Protocol):
    """`present` of the requested images were finished before, and `extra` more that were not requested.

    `missing` gives the ranges still to generate, `add` takes the images from number `first` on, `finish` is called once
    after the last. `status` describes what an interruption leaves, and `resumable` whether the same command
    continues from there.
    """

    present: int
    extra: int
    resumable: bool

    def missing(self) -> Iterator[range]: ...
    def add(self, first: int, images: Tensor) -> None: ...
    def finish(self) -> None: ...
    def status(self) -> str: ...
    def paths(self) -> tuple[Path, ...]: ...
    def images(self) -> Tensor | None: ...


def find_writer(
    out: Path | None,
    settings: Manifest,
    count: int,
    shape: tuple[int, ...],
    depth: str,
    save: Callable[[Tensor], object],
) -> SampleWriter:
    """The writer that the suffix of `out` means, for `count` images (C, H, W) of this dtype; `save` writes a grid of
    all of them.

    InputError: files of other settings are there, the grid would be too large, the disk has no room.
    """
    if out is None:
        return MemoryWriter(count)
    if out.suffix.lower() == ".npy":
        check_room(out, count * int(np.prod(shape)) * np.dtype(depth).itemsize)
        return ArrayWriter(out, settings, count)
    if out.suffix:
        check_pixels(out, count, shape)
        return GridWriter(out, count, save)
    return FolderWriter(out, settings, count)


def write_samples(writer: SampleWriter, count: int, batch: int, generate: Generate, *, stage: str = "sampling") -> None:
    """Generate and write the images that are missing of `count`, `batch` at a time.

    `generate(first, number, report)` returns images at rest, (number, C, H, W), and calls `report` with the finished
    share of them; at each such call the work can be cancelled. Emits progress. InputError: a batch below 1, or a full
    disk. Cancelled, in place of KeyboardInterrupt too: its message says what is kept.
    """
    if batch < 1:
        raise InputError(f"a batch of {batch} images: give 1 or more")
    _report_present(writer)
    done, progress = writer.present, ProgressMeter(stage, count, done=writer.present)
    with _interruptible(writer):
        for part in writer.missing():
            for first in range(part.start, part.stop, batch):
                number = min(batch, part.stop - first)
                images = generate(first, number, lambda share, at=done, number=number: progress(at + share * number))
                with _disk_errors(writer):
                    writer.add(first, images)
                done += number
                progress(done)
        with _disk_errors(writer):
            writer.finish()


@contextlib.contextmanager
def _interruptible(writer: SampleWriter) -> Generator[None]:
    try:
        yield
    except (KeyboardInterrupt, events.Cancelled) as stop:
        more = "; rerun the same command to continue" if writer.resumable else ""
        raise events.Cancelled(f"{writer.status()}{more}") from stop


@contextlib.contextmanager
def _disk_errors(writer: SampleWriter) -> Generator[None]:
    """A full disk ends the work, not what is there."""
    try:
        yield
    except OSError as error:
        reason = storage_problem(error) or str(error)
        raise InputError(f"cannot write: {reason}; {writer.status()}; rerun the same command to continue") from error


def _report_present(writer: SampleWriter) -> None:
    if writer.present:
        events.say(f"{count_text(writer.present)} with these settings already exist and are kept")
    if writer.extra:
        left = "left in place" if isinstance(writer, FolderWriter) else "dropped"
        events.say(
            f"{count_text(writer.extra)} with these settings beyond those requested already exist and are {left}"
        )
