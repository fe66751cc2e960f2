"""Intermediate results of an evaluation on disk, so that the same command resumes after an interruption.

Each result is one file, named by its kind and by a digest of everything that determines it (model file, settings, data,
version of the code), so that no result is mistaken for another.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from debruit import __version__, events
from debruit.config import Json
from debruit.files.keys import make_key
from debruit.files.store import Store

ABOUT = "about"
REVISION = 3
"""Raised when a metric or an analysis gives other numbers than before, so that no result of older code is used. It is
part of every key, and so is the version of the package."""


class ResultStore:
    """The results for one model in a folder: arrays, JSON values (NaN included), or nested records of these."""

    def __init__(self, folder: Path) -> None:
        self.store = Store(folder)

    @classmethod
    def open(cls, folder: Path, model: str, digest: str) -> "ResultStore":
        """The results for the model with this digest. Results for another model, or for this one before it was trained
        further, are removed with a notice."""
        results = cls(folder)
        before = results.store.get(ABOUT)
        if before is not None and before.get("digest") != digest:
            old = before.get("model")
            which = f"an earlier state of {model}" if old == model else f"another model ({old})"
            events.notice(f"{folder} holds results for {which}: they are removed, and this evaluation starts anew")
            results.store.clear()
            before = None
        if before is None:
            results.store.put(ABOUT, {"model": model, "digest": digest})
        return results

    def has(self, kind: str, key: Json) -> bool:
        """Whether this result is saved (possibly damaged)."""
        return self._name(kind, key) in self.store

    def any(self, kind: str) -> bool:
        """Whether there is any result of this kind."""
        return next(iter(self.store.names(f"{kind}-")), None) is not None

    def get(self, kind: str, key: Json) -> Any:
        """The saved result; None if there is none, or (with a notice) a damaged one."""
        return self.store.get(self._name(kind, key))

    def put(self, kind: str, key: Json, value: Any) -> Any:
        """Save a result and return it."""
        self.store.put(self._name(kind, key), value)
        return value

    def get_or_make(self, kind: str, key: Json, make: Callable[[], Any]) -> Any:
        """The saved result, or else what `make` returns, which is saved."""
        value = self.get(kind, key)
        return self.put(kind, key, make()) if value is None else value

    def _name(self, kind: str, key: Json) -> str:
        return f"{kind}-{make_key(__version__, REVISION, key)[:20]}"
