"""The members of a tar file and their offsets, from its headers.

A tar file has no table of contents: its headers are read one after the other, each saying where the next one is. If it
was cut, everything before the cut is still there. Behind its end there may be another one (`cat a.tar b.tar`), which is
read too. Links inside of it lead to the member that they name.
"""

import posixpath
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, NamedTuple

PACKINGS = {
    b"\x1f\x8b": "gzip",
    b"BZh": "bzip2",
    b"\xfd7zXZ": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"PK\x03\x04": "zip",
    b"\x04\x22\x4d\x18": "lz4",
}
PREVIEWS = ("__macosx", "@eadir")
CHUNK = 2**20
MOST_LINKS = 40  # from link to link


class Span(NamedTuple):
    """`size` bytes from `offset` of a shard."""

    offset: int
    size: int


class Member(NamedTuple):
    """A file of a tar file."""

    name: str
    span: Span


@dataclass
class Contents:
    """The files of a tar file in their order; why there are no more of them, if it is damaged; `passed`: names that are
    skipped, with the reason."""

    members: list[Member] = field(default_factory=list)
    damage: str = ""
    archives: int = 0
    passed: list[tuple[str, str]] = field(default_factory=list)


def read_members(path: Path) -> Contents:
    """Read the members of a tar file. A damaged one raises nothing; its readable part and damage are returned."""
    contents = Contents()
    try:
        size = path.stat().st_size
        if not size:
            contents.damage = "zero bytes"
            return contents
        with open(path, "rb") as file:
            if packing := packing_of(file.read(6)):
                contents.damage = (
                    f"it is compressed ({packing}), and images are read from anywhere in a shard: unpack it"
                )
            else:
                _read(file, size, contents)
    except OSError as error:
        contents.damage = f"it cannot be read ({error.strerror or error})"
    return contents


def packing_of(start: bytes) -> str:
    """Return the compression of a file that begins with `start`, or ""."""
    return next((name for magic, name in PACKINGS.items() if start.startswith(magic)), "")


def _read(file: BinaryIO, size: int, contents: Contents) -> None:
    start, files = 0, _Files()
    while start < size and not contents.damage:
        end = _read_archive(file, start, size, files, contents)
        contents.archives += 1
        start = _after_zeros(file, end, size)
        if (
            start < size and not contents.damage and not _is_header(file, start)
        ):  # tarfile takes a header that it cannot read for the end
            contents.damage = f"damaged after {end:,} of {size:,} bytes (no header of a member is there)"
    contents.members = list(files.resolved(contents))


def _read_archive(file: BinaryIO, start: int, size: int, files: "_Files", contents: Contents) -> int:
    """Reads the headers from `start` on; returns where the last member ends."""
    end, known = start, len(files)
    try:
        file.seek(start)
        with tarfile.open(fileobj=file, mode="r:") as tar:
            while (member := tar.next()) is not None:
                vars(tar)["members"] = []  # it would keep them all
                if not member.issparse() and member.offset_data + (member.size if member.isreg() else 0) > size:
                    contents.damage = f"cut inside of {member.name}"
                    return end
                end = tar.offset
                files.add(member, contents)
        if end + tarfile.BLOCKSIZE > size:
            contents.damage = "cut between two members, or it was never finished"
    except (tarfile.TarError, OSError, EOFError, ValueError) as error:
        whole = f"damaged after {end:,} of {size:,} bytes ({error})"
        contents.damage = whole if len(files) > known or start else f"no tar file, or damaged ({error})"
    return end


class _Files:
    """The files of a tar file in their order, and its links."""

    def __init__(self) -> None:
        self.entries: list[tuple[str, Span | None, str]] = []  # name, span, or the target of a link
        self.spans: dict[str, Span] = {}
        self.links: dict[str, str] = {}

    def __len__(self) -> int:
        return len(self.entries)

    def add(self, member: tarfile.TarInfo, contents: Contents) -> None:
        name = _plain(member.name)
        if member.isdir() or not name:
            return
        if any(part.startswith(".") or part.lower() in PREVIEWS for part in name.split("/")):
            if not posixpath.basename(name).startswith("._"):
                contents.passed.append((name, "hidden members"))
        elif member.issparse():
            contents.passed.append((name, "members with holes (sparse files)"))
        elif member.isreg():
            self._add(name, Span(member.offset_data, member.size))
        elif member.islnk():
            span = self.spans.get(_plain(member.linkname))
            if span is None:
                contents.passed.append((name, "links to nothing in the shard"))
            else:
                self._add(name, span)
        elif member.issym():
            target = _plain(posixpath.normpath(posixpath.join(posixpath.dirname(name), member.linkname)))
            self.links[name] = target
            self.entries.append((name, None, target))
        else:
            contents.passed.append((name, "members that are no files"))

    def resolved(self, contents: Contents) -> Iterator[Member]:
        for name, span, target in self.entries:
            for _ in range(MOST_LINKS):
                if span is not None or target not in self.links:
                    break
                target = self.links[target]
            span = span or self.spans.get(target)
            if span is None:
                contents.passed.append((name, "links to nothing in the shard"))
            else:
                yield Member(name, span)

    def _add(self, name: str, span: Span) -> None:
        self.spans[name] = span
        self.entries.append((name, span, ""))


def _plain(name: str) -> str:
    while name.startswith(("./", "/")):
        name = name.removeprefix("./").removeprefix("/")
    return "" if name == "." else name


def _after_zeros(file: BinaryIO, offset: int, size: int) -> int:
    """The next block from `offset` on that is not of zeros, by which a tar file ends; `size` where there is none."""
    while offset < size:
        file.seek(offset)
        chunk = file.read(CHUNK)
        if not chunk:
            break
        if rest := chunk.lstrip(b"\0"):
            return offset + (len(chunk) - len(rest)) // tarfile.BLOCKSIZE * tarfile.BLOCKSIZE
        offset += len(chunk)
    return size


def _is_header(file: BinaryIO, offset: int) -> bool:
    file.seek(offset)
    try:
        tarfile.TarInfo.frombuf(file.read(tarfile.BLOCKSIZE), tarfile.ENCODING, "surrogateescape")
    except tarfile.TarError:
        return False
    return True
