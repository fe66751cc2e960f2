"""The name that a user types -> a data source: a built-in one, a part of it (openmoji/food-drink), or what a path
holds:

    a folder with an image in it, or in one of its folders    images, with their companions (folder.py)
    a .parquet file, or another folder with some              tables (parquet.py)
    a .tar file, a pattern of them, or another folder         shards (shards.py)
    several files or folders of one kind                      one source: the folder that holds them

A built-in source is a frozen dataclass in a module of this package with defaults for all its fields and
    name                       what the user types
    build() -> Dataset         InputError naming `debruit data get NAME` when it is not on this machine
    check() -> str             a description of the data; InputError when it is missing or damaged
    obtain()                   installs or downloads it
and, if its parts can be named, `part(text)`. It is found because its file exists.
"""

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from debruit.data.source import Source
from debruit.data.sources.folder import Folder
from debruit.data.sources.parquet import Parquet
from debruit.data.sources.shards import PACKED, Shards
from debruit.errors import InputError, nearest
from debruit.files.home import expanded
from debruit.images.pixels import EXTENSIONS
from debruit.seams import implementations, required


def builtin_sources() -> dict[str, Any]:
    """Return every built-in source by its name."""
    sources: Any = implementations(Source).values()
    sources_by_name = {cls.name: cls for cls in sources if _is_builtin(cls)}
    return dict(sorted(sources_by_name.items()))


Sources = str | Path | Sequence[str | Path]


def source_texts(given: Sources) -> str | list[str]:
    """Return what was given as text: one name or path, or several. A `Path` is never the name of a built-in source."""
    several = [given] if isinstance(given, str | Path) else given
    texts = [str(one.expanduser().absolute()) if isinstance(one, Path) else one for one in several]
    return texts[0] if len(texts) == 1 else texts


def find_source(text: str | Sequence[str]) -> Any:
    """Return the source of a name or a path, or of several paths of one kind. A built-in name wins over a folder of
    that name, which can be given as ./NAME. InputError: no such source, paths of different kinds, a path given twice.
    """
    if not isinstance(text, str):
        return find_source(text[0]) if len(text) == 1 else _together(text)
    known = builtin_sources()
    if text in known:
        return known[text]()
    name, slash, part = text.partition("/")
    if slash and part and hasattr(known.get(name), "part") and not Path(text).exists():
        return known[name].part(part.rstrip("/"))
    path = expanded(text)
    if text.lower().endswith(PACKED) or (text.endswith(".tar") and (path.is_file() or set("{*?[") & set(text))):
        return Shards(path=str(path.absolute()))
    if not text.strip() or not path.exists():
        hint = nearest(text, known) or ";"
        raise InputError(
            f"there is no source and no folder '{text}'{hint} give the path of a folder of images, or one of "
            f"{', '.join(known)}"
        )
    kind = {".parquet": Parquet, ".tar": Shards}.get(_held(path), Folder)
    return kind(path=str(path.absolute()))


def _together(texts: Sequence[str]) -> Any:
    """Return several paths as one source."""
    kinds = {text: find_source(text) for text in texts}
    if len(kinds) < len(texts):
        raise _twice(next(text for text, count in Counter(texts).items() if count > 1))
    if builtin := next(
        (text for text, source in kinds.items() if not isinstance(source, Folder | Parquet | Shards)), None
    ):
        raise InputError(
            f"{builtin} is a built-in source, and only files and folders of yours are taken together: give it alone"
        )
    if len({type(source) for source in kinds.values()}) > 1:
        raise InputError(
            "several sources are one where they are of one kind, and here are "
            + ", ".join(f"{text} ({source.name})" for text, source in kinds.items())
            + ": give those of one kind, or copy them into one folder"
        )
    kind = type(next(iter(kinds.values())))
    if kind is Folder:
        return _of_folders([Path(source.path) for source in kinds.values()])
    paths = [path for source in kinds.values() for path in _files_of(source)]
    folder = Path(os.path.commonpath([path.parent for path in paths]))
    if len(set(paths)) < len(paths):
        raise _twice(next(path for path, count in Counter(paths).items() if count > 1))
    only = tuple(sorted(path.relative_to(folder).as_posix() for path in paths))
    return kind(path=str(folder), only=only)


def _twice(path: str | Path) -> InputError:
    return InputError(f"{path} is given twice: give each file or folder once")


def _files_of(source: Any) -> list[Path]:
    folder, files = source._files()
    return [Path(os.path.abspath(folder / file.name)) for file in files]


def _of_folders(paths: Sequence[Path]) -> Folder:
    """Return sibling folders as the folder that holds them, with `only` these subfolders (classes or parts)."""
    for path in paths:
        if not path.is_dir():
            raise InputError(f"{path} is a file, and a source is a folder of images: give the folder it is in")
    paths = [Path(os.path.abspath(path)) for path in paths]
    if len(set(paths)) < len(paths):
        raise _twice(next(path for path, count in Counter(paths).items() if count > 1))
    if len({path.parent for path in paths}) > 1:
        raise InputError(
            f"several folders are one source where one folder holds them, and {paths[0]} and {paths[-1]} lie apart: "
            "move or link them into one folder"
        )
    return Folder(path=str(paths[0].parent), only=tuple(sorted(path.name for path in paths)))


def _held(path: Path) -> str:
    """Return the extension that tells the kind of a file, or of a folder by its two upper levels; "" for images."""
    if path.is_file():
        return path.suffix.lower()
    extensions: Counter[str] = Counter()
    try:
        for entry in os.scandir(path):
            inside = os.scandir(entry) if entry.is_dir() and not entry.name.startswith(".") else (entry,)
            extensions.update(_extension(item.name) for item in inside if not item.name.startswith("."))
    except OSError:
        return ""
    if any(extension in EXTENSIONS for extension in extensions):
        return ""
    return max(("", ".parquet", ".tar"), key=lambda extension: extensions[extension] if extension else 0.5)


def _extension(name: str) -> str:
    """The extension of a file; that of a compressed shard is a shard's, which then says that it is compressed."""
    return ".tar" if name.lower().endswith(PACKED) else os.path.splitext(name)[1].lower()


def _is_builtin(cls: Any) -> bool:
    return not required(cls) and isinstance(getattr(cls, "name", None), str)
