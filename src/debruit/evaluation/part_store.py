"""Finished parts of an evaluation on disk, so that the same command goes on where it stopped.

Each part is a file of its own, named by what it is and by a digest of everything that determines it (the model's file, the settings, the
data, the version of the code): a part is never taken for another one, whatever was asked in between. Written whole or not at all.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from debruit import __version__
from debruit.config import Json
from debruit.files.atomic import write_atomically
from debruit.files.keys import make_key

ABOUT = "about.json"
REVISION = 1
"""Of the figures: raised when a metric or an analysis gives other numbers than before, so that no part holds those of older code. It is in
every part's key, and so is the version of the package."""


class Parts:
    """The parts of one model's evaluation in `folder`."""

    def __init__(self, folder: Path, say: Callable[[str], None]) -> None:
        self.folder, self.say = folder, say

    @classmethod
    def open(cls, folder: Path, model: str, digest: str, say: Callable[[str], None]) -> "Parts":
        """The parts of the model with this digest. Those of another model (or of this one before it was trained further) are removed, and it
        is said."""
        parts = cls(folder, say)
        before = parts._read(folder / ABOUT, _load_json)
        if before is not None and before.get("digest") != digest:
            old = before.get("model")
            which = f"this model as it was before ({model} has changed)" if old == model else f"another model ({old})"
            say(f"{folder} holds parts of an evaluation of {which}: they are removed, and this one starts anew")
            for path in [*folder.glob("*.npy"), *folder.glob("*.json")]:
                path.unlink()
            before = None
        if before is None:
            parts._write(folder / ABOUT, {"model": model, "digest": digest}, _dump_json)
        return parts

    def has(self, kind: str, key: Json) -> bool:
        """Whether this part was finished (a damaged one counts, until it is read)."""
        stem = self._stem(kind, key)
        return stem.with_suffix(".npy").exists() or stem.with_suffix(".json").exists()

    def any(self, kind: str) -> bool:
        """Whether there is any part of this kind."""
        return next(self.folder.glob(f"{kind}-*"), None) is not None

    def find(self, kind: str, key: Json) -> Any:
        """The part of this kind and key: an array, or what JSON holds; None where there is none, or a damaged one (said)."""
        stem = self._stem(kind, key)
        found = self._read(stem.with_suffix(".npy"), _load_array)
        return self._read(stem.with_suffix(".json"), _load_json) if found is None else found

    def keep(self, kind: str, key: Json, value: Any) -> Any:
        """Writes a part, an array or what JSON can hold (NaN included), and returns it."""
        stem = self._stem(kind, key)
        if isinstance(value, np.ndarray):
            self._write(stem.with_suffix(".npy"), value, _dump_array)
        else:
            self._write(stem.with_suffix(".json"), value, _dump_json)
        return value

    def kept(self, kind: str, key: Json, make: Callable[[], Any]) -> Any:
        """The part of this kind and key: found, or else made and kept."""
        found = self.find(kind, key)
        return self.keep(kind, key, make()) if found is None else found

    def _stem(self, kind: str, key: Json) -> Path:
        return self.folder / f"{kind}-{make_key(__version__, REVISION, key)[:20]}"

    def _read(self, path: Path, load: Callable[[Path], Any]) -> Any:
        if not path.exists():
            return None
        try:
            return load(path)
        except (OSError, ValueError, EOFError) as error:
            self.say(f"{path} is damaged ({error}): it is made again")
            return None

    def _write(self, path: Path, value: Any, dump: Callable[[Path, Any], None]) -> None:
        write_atomically(path, lambda temporary: dump(temporary, value))


def _load_array(path: Path) -> np.ndarray:
    return np.load(path, allow_pickle=False)


def _dump_array(path: Path, value: np.ndarray) -> None:
    with open(path, "wb") as file:
        np.save(file, value, allow_pickle=False)


def _load_json(path: Path) -> Any:
    return json.loads(path.read_text())


def _dump_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value))
