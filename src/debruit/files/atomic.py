"""Atomic writes: to a temporary file in the same folder, flushed to the disk, then renamed over the old one."""

import contextlib
import errno
import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

from debruit.errors import InputError


def write_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """`write(temporary)` makes the new content; then `path` is replaced in one step. On any failure the old file is
    untouched and the temporary one is removed; a full or read-only disk gives an InputError."""
    path = Path(path)
    temporary = temporary_of(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write(temporary)
        synchronise(temporary)
        os.replace(temporary, path)
        synchronise(path.parent)
    except Exception as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        if reason := storage_problem(error):
            raise InputError(f"cannot write {path}: {reason}; the previous file, if any, is intact") from error
        raise


def temporary_of(path: Path) -> Path:
    """Return a name in the folder of `path` that no other process or thread uses. It is cut if the name of `path` is
    long."""
    beginning = os.fsdecode(os.fsencode(path.name)[:200])
    return path.with_name(f".{beginning}.{os.getpid()}-{secrets.token_hex(4)}.part")


def write_array(path: Path, array: Any) -> None:
    """Write a .npy file atomically."""
    import numpy as np

    def dump(temporary: Path) -> None:
        with open(temporary, "wb") as file:  # to a path np.save would give another suffix
            np.save(file, array)

    write_atomically(path, dump)


def storage_problem(error: BaseException) -> str | None:
    """The reason why the disk refused, as text; None for any other error. Libraries in other languages keep only the
    text of an OSError."""
    text = str(error)
    if getattr(error, "errno", None) == errno.ENOSPC or "No space left" in text or "os error 28" in text:
        return "the disk is full, free some space and resume"
    if getattr(error, "errno", None) == errno.EDQUOT or "quota exceeded" in text.lower():
        return "the disk quota is used up, free some space and resume"
    if isinstance(error, PermissionError) or "Permission denied" in text:
        return "no permission"
    if getattr(error, "errno", None) == errno.EROFS:
        return "the disk is read-only"
    if getattr(error, "errno", None) == errno.ENAMETOOLONG:
        return "the name is too long"
    if isinstance(error, IsADirectoryError):
        return "it is a folder"
    if isinstance(error, NotADirectoryError):
        return "there is a file where its folder should be"
    return None


def synchronise(path: Path) -> None:
    """Wait until a file, or the entries of a folder, are on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
