"""A folder with one file per image, 000000.png and so on."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

from torch import Tensor

from debruit.errors import InputError
from debruit.workflows.outputs.image_files import write_images
from debruit.workflows.outputs.manifest import WAY_OUT, Manifest, check_same, count_text, write_manifest

IMAGE_NAME = re.compile(r"(\d{6,})\.(png|tiff|npy)")


class FolderWriter:
    """Writes image k as a file named by k, in the format that keeps its depth."""

    resumable = True

    def __init__(self, out: Path, settings: Manifest, count: int) -> None:
        self.out, self.settings, self.count = out, settings, count
        self.written = self._existing()
        self.present = sum(k < count for k in self.written)
        self.extra = len(self.written) - self.present

    def _existing(self) -> set[int]:
        """The numbers of the images that are there. InputError: other files, or images of other settings."""
        try:
            names = sorted(entry.name for entry in os.scandir(self.out) if not entry.name.startswith("."))
        except FileNotFoundError:
            return set()
        if foreign := [name for name in names if not IMAGE_NAME.fullmatch(name)]:
            files = "1 file" if len(foreign) == 1 else f"{len(foreign):,} files"
            raise InputError(
                f"--out {self.out} holds {files} that debruit did not write (the first: {foreign[0]}): {WAY_OUT}"
            )
        if names:
            check_same(self.out, self.settings, count_text(len(names)))
        return {int(name.partition(".")[0]) for name in names}

    def missing(self) -> Iterator[range]:
        return gaps(set(self.written), self.count)

    def add(self, first: int, images: Tensor) -> None:
        if not self.written:
            self.out.mkdir(parents=True, exist_ok=True)
            write_manifest(self.out, self.settings)
        write_images({self.out / f"{first + k:06d}": image for k, image in enumerate(images.numpy())})
        self.written |= set(range(first, first + len(images)))

    def finish(self) -> None:
        """Nothing is left to do: every file has its name already."""

    def status(self) -> str:
        return f"{sum(k < self.count for k in self.written):,} of {count_text(self.count)} are in {self.out}"

    def paths(self) -> tuple[Path, ...]:
        """The files of the requested images, in order."""
        files = sorted((int(f.stem), f) for f in self.out.iterdir() if IMAGE_NAME.fullmatch(f.name))
        return tuple(file for k, file in files if k < self.count)

    def images(self) -> None:
        """None: they are in files."""


def gaps(written: set[int], count: int) -> Iterator[range]:
    """The numbers missing from 0..count - 1, as ranges."""
    start = None
    for k in range(count + 1):
        absent = k < count and k not in written
        if absent and start is None:
            start = k
        if not absent and start is not None:
            yield range(start, k)
            start = None
