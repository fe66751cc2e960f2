"""The location of the bytes of one image: a file, a part of a larger file, or memory. Each is opened like a `Path`, by
`open("rb")`.

A part of a shard may be read days after the shard was indexed, so every reading checks that the shard is unchanged.
"""

import io
import os
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NamedTuple

from debruit.errors import InputError


class Stamp(NamedTuple):
    """The facts that show whether a file is unchanged. Tools that keep the time of modification (cp -p, rsync -t)
    cannot keep the time of change, and a file that replaces another has another inode."""

    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int

    @classmethod
    def of(cls, status: os.stat_result) -> "Stamp":
        return cls(status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)

    def differs(self, now: "Stamp") -> str:
        """Describe how the file differs from this stamp."""
        if now.size != self.size:
            return f"{self.size:,} bytes then, {now.size:,} now"
        return (
            f"of {self.size:,} bytes as before, but {'replaced' if now.inode != self.inode else 'written'} since then"
        )


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
            raise _changed(self.path, self.stamp.differs(now))
        return data


Openable = Path | Blob | Part


def stamp_of(path: Path) -> Stamp:
    return Stamp.of(path.stat())


def _changed(path: Path, how: str) -> InputError:
    return InputError(
        f"the shard {path} has changed since it was indexed ({how}), and what is read from it may be another image: "
        "put the old file back, or "
        "start again on the new one"
    )
