"""The name that a user types -> a data source: a built-in one, a part of it (openmoji/food-drink), or a folder.

A built-in source is a frozen dataclass in a module of this package with defaults for all its fields and
    name                       what the user types
    build(report) -> Dataset   InputError naming `debruit data get NAME` when it is not on this machine
    check() -> str             what is there, in words; InputError when it is not there or damaged
    obtain(report)             installs or downloads it
and, if its parts can be named, `part(text)`. It is found because its file exists.
"""

from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

from debruit import config
from debruit.data.folder import Folder
from debruit.errors import InputError, nearest


def builtin_sources() -> dict[str, Any]:
    """Every built-in source by its name."""
    classes: list[Any] = list(config.classes("debruit.data").values())
    found = {cls.name: cls for cls in classes if _is_builtin(cls)}
    return dict(sorted(found.items()))


def find_source(text: str) -> Any:
    """The source that a name or a path means. A built-in name wins over a folder of that name, which is ./NAME
    then."""
    known = builtin_sources()
    if text in known:
        return known[text]()
    name, slash, part = text.partition("/")
    if slash and part and hasattr(known.get(name), "part") and not Path(text).exists():
        return known[name].part(part.rstrip("/"))
    path = Path(text).expanduser()
    if not text.strip() or not path.exists():
        hint = nearest(text, known) or ";"
        raise InputError(
            f"there is no source and no folder '{text}'{hint} give the path of a folder of images, or one of "
            f"{', '.join(known)}"
        )
    return Folder(path=str(path.absolute()))


def _is_builtin(cls: Any) -> bool:
    complete = all(f.default is not MISSING or f.default_factory is not MISSING for f in fields(cls))
    return complete and isinstance(getattr(cls, "name", None), str) and callable(getattr(cls, "build", None))
