"""Checks of output paths: whatever would make a write fail is reported before the work begins.

check_file("grid.png")                                   a file, its folder made if need be
check_folder("runs/a", files=["run.json"], folders=["state"])    a folder, and what will be in it
"""

import contextlib
import errno
import os
import secrets
from collections.abc import Iterable
from pathlib import Path

from debruit.errors import InputError
from debruit.files.atomic import storage_problem

NAME_BYTES, PATH_BYTES = 255, 4095  # if the system reports no limits
PROBE = bytes(4096)


def check_file(path: str | Path, *, flag: str = "--out") -> None:
    """InputError unless a file can be written there: the path is a folder, its folder is a file, a name is too long,
    there is no permission, the disk is full or read-only."""
    path = Path(path)
    above = _nearest(path, flag)
    if above == path and path.is_dir():
        raise InputError(f"{flag} {path} is a folder: give the name of a file")
    _check_location(path, path.parent if above == path else above, flag)


def check_folder(
    path: str | Path, *, files: Iterable[str] = (), folders: Iterable[str] = (), flag: str = "--out"
) -> None:
    """InputError unless a folder can be made there, or is there, and these files and folders in it; the reasons are
    those of `check_file`."""
    path = Path(path)
    above = _nearest(path, flag)
    if above == path and not path.is_dir():
        raise InputError(f"{flag} {path} is a file: give a folder")
    _check_location(path, above, flag)
    for name, kind in (*((name, "file") for name in files), *((name, "folder") for name in folders)):
        inside = path / name
        if _nearest(inside, flag) == inside and inside.is_dir() != (kind == "folder"):
            existing = "folder" if inside.is_dir() else "file"
            raise InputError(
                f"{flag} {path}: {inside} is a {existing}, and a {kind} of that name is to be written: move it, or "
                f"give another {flag}"
            )
        if kind == "folder" and inside.is_dir():
            _probe(inside, inside, flag)


def _check_location(path: Path, above: Path, flag: str) -> None:
    if not above.is_dir():
        raise InputError(f"{flag} {path}: {above} is a file, where a folder is needed: give another path")
    _check_names(path, above, flag)
    _probe(path, above, flag)


def _nearest(path: Path, flag: str) -> Path:
    """Return the path if it exists, else its nearest existing parent. InputError: a path that cannot be examined."""
    for candidate in (path, *path.parents):
        try:
            os.stat(candidate)
            return candidate
        except (FileNotFoundError, NotADirectoryError):
            if candidate.is_symlink():
                raise InputError(
                    f"{flag} {path}: {candidate} is a link to nothing: remove it, or give another path"
                ) from None
        except OSError as error:
            if error.errno == errno.ENAMETOOLONG:
                continue  # _check_names reports which
            raise InputError(f"{flag} {path}: {_reason(error, candidate)}") from None
        except ValueError:  # a zero byte
            raise InputError(f"{flag} {path!r} is no name of a file: give another path") from None
    return Path(path.anchor or ".")


def _check_names(path: Path, above: Path, flag: str) -> None:
    most, whole = (
        _limit(above, name, default) for name, default in (("PC_NAME_MAX", NAME_BYTES), ("PC_PATH_MAX", PATH_BYTES))
    )
    for name in path.parts:
        if (size := len(os.fsencode(name))) > most:
            raise InputError(
                f"{flag} {name[:40]}...: this name has {size:,} bytes, and the disk takes {most}: give a shorter one"
            )
    if (size := len(os.fsencode(path.absolute()))) > whole:
        raise InputError(
            f"{flag} {str(path)[:40]}...: this path has {size:,} bytes, and the system takes {whole:,}: give a shorter "
            "one"
        )


def _limit(folder: Path, name: str, default: int) -> int:
    try:
        limit = os.pathconf(folder, name)
    except (AttributeError, OSError, ValueError):
        return default
    return limit if limit > 0 else default


def _probe(path: Path, folder: Path, flag: str) -> None:
    """Write and remove a small file: the only check that covers permissions, quotas and the state of the disk."""
    probe = folder / f".{os.getpid()}-{secrets.token_hex(4)}.part"
    try:
        with open(probe, "xb") as file:
            file.write(PROBE)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise InputError(f"{flag} {path}: cannot write in {folder.absolute()}, {_reason(error, folder)}") from None
    finally:
        with contextlib.suppress(OSError):
            probe.unlink()


def _reason(error: OSError, path: Path) -> str:
    return storage_problem(error) or f"{path}: {(error.strerror or str(error)).lower()}"
