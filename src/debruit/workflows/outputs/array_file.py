"""One .npy array (N, C, H, W) whose rows are written as they come; it gets its name when it is complete."""

import io
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from torch import Tensor

from debruit.errors import InputError
from debruit.files.atomic import synchronise
from debruit.workflows.outputs.manifest import Manifest, check_same, count_text, manifest_of, write_manifest


class ArrayWriter:
    """Writes the rows of .NAME.unfinished, and renames it at the end."""

    resumable = True

    def __init__(self, out: Path, settings: Manifest, count: int) -> None:
        self.out, self.settings, self.count = out, settings, count
        self.part = out.with_name(f".{out.name}.unfinished")
        self.rows = self._existing()
        self.present, self.extra = min(self.rows, count), max(self.rows - count, 0)

    def _existing(self) -> int:
        """How many rows there are. InputError: they are of other settings."""
        if not self.part.exists():
            return 0
        with open(self.part, "rb") as file:
            try:
                shape, dtype = _read_header(file)
            except ValueError:  # cut short before its first row
                return 0
            rows = (os.fstat(file.fileno()).st_size - file.tell()) // _row_bytes(shape, dtype)
        check_same(self.out, self.settings, f"{count_text(rows)} of an unfinished array ({self.part.name})")
        return rows

    def missing(self) -> Iterator[range]:
        if self.present < self.count:
            yield range(self.present, self.count)

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
            shape, dtype = _read_header(file)
        header = _header((self.count, *shape[1:]), dtype)
        self._write({0: header}, size=len(header) + self.count * _row_bytes(shape, dtype))
        os.replace(self.part, self.out)
        manifest_of(self.out).unlink(missing_ok=True)
        synchronise(self.out.absolute().parent)

    def status(self) -> str:
        return f"{min(self.rows, self.count):,} of {count_text(self.count)} are kept for {self.out}"

    def paths(self) -> tuple[Path, ...]:
        return (self.out,)

    def images(self) -> None:
        """None: they are in the file."""

    def _write(self, pieces: dict[int, Any], size: int | None = None) -> None:
        """Write pieces at their offsets, and cut the file to `size`."""
        with open(self.part, "r+b" if self.part.exists() else "w+b") as file:
            for offset, piece in pieces.items():
                file.seek(offset)
                file.write(piece)
            file.truncate(size)
            file.flush()
            os.fsync(file.fileno())


def check_room(out: Path, needed: int) -> None:
    """InputError if the disk has no room for a file of `needed` bytes."""
    above = next(folder for folder in (out.absolute().parent, *out.absolute().parents) if folder.exists())
    free = shutil.disk_usage(above).free
    if needed > free:
        raise InputError(
            f"--out {out} needs {needed / 1e6:,.0f} MB, and its disk has {free / 1e6:,.0f} MB left: give a smaller -n, "
            "or another disk"
        )


def _read_header(file: BinaryIO) -> tuple[tuple[int, ...], np.dtype]:
    """Shape and dtype of a .npy file that is read from its beginning. ValueError: it is cut short."""
    np.lib.format.read_magic(file)
    shape, _, dtype = np.lib.format.read_array_header_1_0(file)
    return shape, dtype


def _header(shape: tuple[int, ...], dtype: np.dtype) -> bytes:
    """Header of a .npy file; as long for any number of rows (numpy leaves room for its digits)."""
    file = io.BytesIO()
    description = {"shape": shape, "fortran_order": False, "descr": np.lib.format.dtype_to_descr(dtype)}
    np.lib.format.write_array_header_1_0(file, description)
    return file.getvalue()


def _row_bytes(shape: tuple[int, ...], dtype: np.dtype) -> int:
    return int(np.prod(shape[1:])) * dtype.itemsize
