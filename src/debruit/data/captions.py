"""Captions that lie beside images: NAME.txt or NAME.caption (each line is a caption), and tables.

    captions.jsonl, metadata.jsonl    {"file_name": "a.png", "text": "a red door"}; "text" may be a list
    captions.csv, metadata.csv        columns file_name and text; a file_name may come several times

Names in a table are relative to its folder; a bare name finds the one image of that name below it.
"""

import csv
import io
import json
import posixpath
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from debruit.data.parallel import mapped
from debruit.data.wording import counted, shown, some
from debruit.errors import InputError

BESIDE = (".txt", ".caption")
TABLES = ("captions.jsonl", "captions.csv", "metadata.jsonl", "metadata.csv")
NAMES = ("file_name", "filename", "file", "image", "path", "name")
TEXTS = ("text", "caption", "captions", "texts", "prompt", "description")


@dataclass(frozen=True)
class Captions:
    """The captions of each image that has some, and what there is to say about it."""

    of: Mapping[str, tuple[str, ...]]
    notes: tuple[str, ...] = ()


def read_captions(root: Path, images: Sequence[str], beside: Sequence[str]) -> Captions:
    """`beside`: the other files of the folder. InputError: a table none of whose names is an image here."""
    found: dict[str, list[str]] = defaultdict(list)
    notes: list[str] = []
    for table in (name for name in beside if posixpath.basename(name) in TABLES):
        _from_table(root, table, images, found, notes)
    stems = {posixpath.splitext(name)[0]: name for name in reversed(images)}
    pairs = [(name, stems[posixpath.splitext(name)[0]]) for name in beside if _is_beside(name, stems)]
    broken = []
    for (name, image), text in zip(pairs, mapped(lambda pair: _text(root / pair[0]), pairs), strict=True):
        if text is None:
            broken.append(shown(name))
        else:
            found[image] += split_lines(text)
    if broken:
        notes.append(f"captions that are no UTF-8 text are not used: {some(broken)}")
    return Captions({name: tuple(texts) for name, texts in found.items() if texts}, tuple(notes))


def captioned(count: int, total: int) -> str:
    """What there is to say about captions for `count` of `total` images, or nothing if none has one."""
    if not count:
        return ""
    if count == total:
        return f"captions for all {counted(total)}"
    what = f"captions for {count:,} of {counted(total)}, for the others the caption is none"
    if 2 * count > total:
        return what
    return f"{what}: a prompt will have little effect; caption them, or move the images without a caption elsewhere"


def split_lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def as_texts(value: Any) -> list[str]:
    """The captions in a cell: a string, or a list of them."""
    if isinstance(value, str):
        return [value.strip()] if value.strip() else []
    return [text for item in value for text in as_texts(item)] if isinstance(value, list | tuple) else []


def _is_beside(name: str, stems: Mapping[str, str]) -> bool:
    stem, extension = posixpath.splitext(name)
    return extension.lower() in BESIDE and stem in stems


def _text(path: Path) -> str | None:
    try:
        return path.read_text("utf-8-sig")
    except (UnicodeDecodeError, OSError):
        return None


def _from_table(root: Path, table: str, images: Sequence[str], found: dict[str, list[str]], notes: list[str]) -> None:
    text = _text(root / table)
    if text is None:
        raise InputError(f"{root / table} is no UTF-8 text: save it as UTF-8, or remove it")
    rows = list(
        _lines(text, root / table)
        if table.endswith(".jsonl")
        else csv.DictReader(io.StringIO(text), dialect=_dialect(text))
    )
    keys = {key for row in rows[:100] for key in row if isinstance(key, str)}
    by = {key.strip().lower(): key for key in keys}
    name_key, text_key = (next((by[k] for k in known if k in by), None) for known in (NAMES, TEXTS))
    if name_key is None or text_key is None:
        lacking = "file_name" if name_key is None else "text or caption"
        notes.append(f"{table} is not used: it has no column {lacking}, only {some(sorted(keys), 8) or 'nothing'}")
        return
    find, missing, used = _finder(posixpath.dirname(table), images), [], False
    for row in rows:
        name, texts = row.get(name_key), as_texts(row.get(text_key))
        image = find(str(name or ""))
        if image is None:
            missing.append(str(name))
        else:
            used = True
            found[image] += texts
    if rows and not used:
        raise InputError(
            f"{root / table} names {counted(len(rows), 'image')}, and none of them is in the folder (the first: {missing[0]}): its names are "
            "relative to its own folder"
        )
    if missing:
        notes.append(f"{table} names images that are not in the folder ({len(missing):,}): {some(map(shown, missing))}")


def _lines(text: str, path: Path) -> Iterator[dict[str, Any]]:
    for n, line in enumerate(text.splitlines(), 1):
        if line.strip():
            try:
                row = json.loads(line)
            except ValueError as error:
                raise InputError(
                    f"{path}: line {n} is no JSON ({error}): write one object a line, or remove the line"
                ) from None
            if not isinstance(row, dict):
                raise InputError(f'{path}: line {n} is no object: write {{"file_name": "a.png", "text": "a red door"}}')
            yield row


def _dialect(text: str) -> type[csv.Dialect]:
    header = text.split("\n", 1)[0]

    class Found(csv.excel):
        delimiter = max(",;\t", key=header.count)

    return Found


def _finder(folder: str, images: Sequence[str]) -> Callable[[str], str | None]:
    """From a name in a table of this folder to the image that it means."""
    here = f"{folder}/" if folder else ""
    inside = {name.removeprefix(here): name for name in images if name.startswith(here)}
    bare: dict[str, str | None] = {}
    for name in inside.values():
        base = posixpath.basename(name)
        bare[base] = None if base in bare else name

    def find(name: str) -> str | None:
        name = name.replace("\\", "/").removeprefix("./")
        return inside.get(name) or (bare.get(name) if "/" not in name else None)

    return find
