"""The folder for files of the current user, also in a container whose user has no home, no name, or a home that cannot
be written."""

import os
import stat
import tempfile
from pathlib import Path

from debruit.errors import InputError
from debruit.events import notice

ASK = "set DEBRUIT_CACHE to a folder that can be written"


def cache() -> Path:
    """$DEBRUIT_CACHE, else $XDG_CACHE_HOME/debruit, else ~/.cache/debruit; where that cannot be made, a folder
    of this user in the temporary one, with a notice. InputError: there is none of these."""
    if own := os.environ.get("DEBRUIT_CACHE"):
        return expanded(own)
    try:
        usual = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "debruit"
    except RuntimeError:  # no home
        usual = None
    if usual is not None and makeable(usual):
        return usual
    fallback = temporary()
    why = "this user has no home folder" if usual is None else f"{usual} cannot be made"
    notice(f"{why}: the cache is {fallback}; to keep it elsewhere {ASK}")
    return fallback


def expanded(text: str | Path) -> Path:
    """Return the path with "~" replaced. InputError: that home folder is not known."""
    try:
        return Path(text).expanduser()
    except RuntimeError:
        raise InputError(f"{text}: the home folder of that user is not known, write the path without ~") from None


def temporary() -> Path:
    """Return a folder in the temporary one that belongs to this user alone, made if missing. InputError: it cannot be
    made, or belongs to another user."""
    try:
        path = Path(tempfile.gettempdir()) / f"debruit-{number()}"
        path.mkdir(mode=0o700, exist_ok=True)
        status = path.lstat()
    except OSError as error:
        raise InputError(f"there is no folder for the cache ({error.strerror or error}): {ASK}") from None
    if not stat.S_ISDIR(status.st_mode) or (hasattr(os, "getuid") and status.st_uid != os.getuid()):
        raise InputError(f"{path}, the folder for the cache, is somebody else's: {ASK}")
    return path


def makeable(path: Path) -> bool:
    """Return whether the folder exists or can be made."""
    try:
        if path.is_dir():
            return True
        above = next(parent for parent in path.parents if parent.exists())
        return above.is_dir() and os.access(above, os.W_OK | os.X_OK)
    except OSError:
        return False


def number() -> int:
    """Return the number of the user; 0 on systems without such numbers."""
    return os.getuid() if hasattr(os, "getuid") else 0
