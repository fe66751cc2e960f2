"""The folder of the cache, and the keys of its entries: hashes of content, not of names of folders."""

import contextlib
import errno
import hashlib
import json
import os
import secrets
import time
from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from typing import NamedTuple

from debruit import config
from debruit.errors import InputError
from debruit.files.blobs import Stamp
from debruit.files.home import cache
from debruit.files.parallel import mapped, tracked

FORMAT = 1  # part of every key: raised when entries change their layout or decoding its result
COLOURED = (b"acsp", b"iCCP", b"cICP", b"gAMA", b"R03")  # marks of a stated colour space, which old versions ignored
CHUNK = 2**20
RACY_SECONDS = 2  # a file this young may change again without changing its time stamp


class File(NamedTuple):
    """A file of a source: its name and the stamp that shows whether it is unchanged (blobs.py)."""

    name: str
    size: int
    mtime_ns: int
    ctime_ns: int = 0
    inode: int = 0

    @classmethod
    def of(cls, name: str, status: os.stat_result) -> "File":
        return cls(name, status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)

    @property
    def stamp(self) -> Stamp:
        return Stamp(self.size, self.mtime_ns, self.ctime_ns, self.inode)


def root() -> Path:
    """The folder of the cache (files/home.py)."""
    return cache()


def source_folder(name: str) -> Path:
    """The folder of a fetched built-in source."""
    return root() / "sources" / name


def make_key(*parts: config.Json) -> str:
    """A short hash of JSON values and of the cache's format."""
    return hashlib.sha256(json.dumps([FORMAT, *parts]).encode()).hexdigest()[:32]


def content_key(folder: Path, files: Sequence[File], settings: config.Json) -> str:
    """The hash of the files' names and bytes and of the settings. As long as names, sizes, inodes and times of
    modification and of change stay as they were, the answer comes from the index and no file is read."""

    def computed() -> str:
        digests = tracked(mapped(lambda f: _digest(folder / f.name), files), "hashing", len(files), unit="files")
        return make_key([f.name for f in files], list(digests), settings)

    return remembered(folder, files, settings, computed)


def remembered(folder: Path, files: Sequence[File], settings: config.Json, computed: Callable[[], str]) -> str:
    """Return the result of `computed` for these files, from the index as long as they are unchanged."""
    listing = make_key(str(folder.absolute()), files, settings)
    entry = root() / "index" / listing
    try:
        return entry.read_text("ascii")
    except (OSError, ValueError):
        pass
    key = computed()
    if all(f.mtime_ns < (time.time() - RACY_SECONDS) * 1e9 for f in files):
        temporary = entry.with_name(f"{listing}.{secrets.token_hex(4)}.part")
        with storage():
            entry.parent.mkdir(parents=True, exist_ok=True)
            temporary.write_text(key, "ascii")
            os.replace(temporary, entry)
    return key


@contextlib.contextmanager
def storage() -> Generator[None, None, None]:
    """Raise an InputError if the disk of the cache is full or cannot be written."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise InputError(
                f"the disk of the cache {root()} is full, nothing incomplete was left there: free some space, or set "
                "DEBRUIT_CACHE to a folder on another disk"
            ) from None
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST):
            raise InputError(
                f"the cache {root()} cannot be written ({error.strerror}): set DEBRUIT_CACHE to a folder that can"
            ) from None
        raise


def _digest(path: Path) -> str:
    try:
        digest, coloured, last = hashlib.sha256(), False, b""
        with open(path, "rb") as file:
            while chunk := file.read(CHUNK):
                digest.update(chunk)
                coloured = coloured or any(mark in last + chunk for mark in COLOURED)
                last = chunk[-3:]
        return digest.hexdigest() + (" in its colours" if coloured else "")
    except OSError as error:
        return f"unreadable: {error.strerror}"
