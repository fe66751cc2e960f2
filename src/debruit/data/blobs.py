"""Where the bytes of one image lie: a file, a part of a larger file, or memory. Each is opened as a `Path` is, by `open("rb")`.

A part of a shard is read when it is asked for, which may be days after the shard was indexed: that the shard is still the one that was indexed is
checked at every reading.
"""

import io
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NamedTuple

from debruit.errors import InputError


class Stamp(NamedTuple):
    """By what a file is known to be unchanged."""

    size: int
    mtime_ns: int


@dataclass(frozen=True)
class Blob:
    """Bytes in memory."""

    data: bytes

    def open(self, mode: str = "rb") -> BinaryIO:
        return io.BytesIO(self.data)


@dataclass(frozen=True)
class Part:
    """`size` bytes from `offset` of a file. InputError at opening if the file is no longer as its stamp says."""

    path: Path
    offset: int
    size: int
    stamp: Stamp

    def open(self, mode: str = "rb") -> BinaryIO:
        return io.BytesIO(self.read())

    def read(self) -> bytes:
        try:
            with open(self.path, "rb") as file:
                file.seek(self.offset)
                data = file.read(self.size)
                now = stamp_of(self.path)
        except OSError as error:
            raise _changed(self.path, error.strerror or str(error)) from None
        if now != self.stamp or len(data) != self.size:
            raise _changed(self.path, f"{self.stamp.size:,} bytes then, {now.size:,} now")
        return data


Openable = Path | Blob | Part


def stamp_of(path: Path) -> Stamp:
    status = path.stat()
    return Stamp(status.st_size, status.st_mtime_ns)


def _changed(path: Path, how: str) -> InputError:
    return InputError(
        f"the shard {path} has changed since it was indexed ({how}), and what is read from it may be another image: put the old file back, or start "
        "again on the new one"
    )
