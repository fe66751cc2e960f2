"""The captions of a table next to images, and the other cells of its rows (captions.py): captions.jsonl, metadata.csv
and their like.

Names in a table are relative to its folder; a name without a folder finds the one image of that name below it.
"""

import posixpath
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from debruit.annotations.custom_split import COLUMNS, part_of_word
from debruit.annotations.names import composed, lookup
from debruit.annotations.tables import NAMES, TEXTS, Find, Row, Table, read_table
from debruit.errors import InputError
from debruit.text.wording import counted, shown, some


def as_texts(value: Any) -> list[str]:
    """The captions in a cell: a string, or a list of them."""
    if isinstance(value, str):
        return [composed(value.strip())] if value.strip() else []
    return [text for item in value for text in as_texts(item)] if isinstance(value, list | tuple) else []


def from_table(
    root: Path, name: str, images: Sequence[str], captions_of: dict[str, list[str]], cells: dict[str, dict[str, str]]
) -> list[str]:
    """Add the captions and the other cells of a table; return the notes."""
    find = _finder(posixpath.dirname(name), images)
    table = read_table(root / name, find)
    name_key, text_key = table.column(NAMES), table.column(TEXTS)
    if name_key is None:
        listed = some(sorted(table.columns), 8) or "nothing"
        return [f"{name} is not used: it has no column file_name, only {listed}"]
    if not table.rows:
        return [f"{name} is not used: it has no rows"]
    missing, rows, differing = [], [], []
    for row in table.rows:
        image = find(str(row.cells.get(name_key) or ""))
        if image is None:
            missing.append(str(row.cells.get(name_key)))
        else:
            rows.append((image, row))
            for column, value in _further(row, name_key, text_key):
                if _differ(column, cells[image].setdefault(column, value), value):
                    differing.append((column, image))
            if text_key:
                captions_of[image] += as_texts(row.cells.get(text_key))
    if not rows and (text_key or table.column(COLUMNS)):
        raise InputError(
            f"{root / name} names {counted(len(table.rows), 'image')}, and none of them is in the folder (the first: "
            f"{missing[0]}): its names are "
            "relative to its own folder"
        )
    lines = _of_rows(name, rows, text_key) if text_key else []
    return [
        *(
            [f"{name} names images that are not in the folder ({len(missing):,}): {some(map(shown, missing))}"]
            if missing
            else []
        ),
        *lines,
        *_of_columns(name, table, name_key, text_key, rows),
        *_of_differing(name, differing),
    ]


def _differ(column: str, one: str, other: str) -> bool:
    """Whether two rows of an image say different things in a column; several words mean the same part."""
    return part_of_word(one) != part_of_word(other) if column in COLUMNS else one != other


def _of_differing(name: str, differing: Sequence[tuple[str, str]]) -> list[str]:
    """Return the notes on images whose rows do not agree."""
    counts = Counter(column for column, _ in dict.fromkeys(differing))
    if not counts:
        return []
    listed = some((f"{column} ({counted(count)})" for column, count in sorted(counts.items())), 8)
    return [f"{name}: rows of one image that differ in the column {listed}: the first row counts"]


def _of_rows(name: str, rows: Sequence[tuple[str, Row]], text_key: str) -> list[str]:
    """Return the notes on the captions of a table's rows."""
    values = [(row.line, row.cells.get(text_key)) for _, row in rows]
    empty = [line for line, value in values if value is None or (isinstance(value, str | list) and not as_texts(value))]
    odd = [(line, value) for line, value in values if value is not None and not isinstance(value, str | list)]
    several = sum(count > 1 for count in Counter(image for image, _ in rows).values())
    return [
        *([f"{name} has several rows for {counted(several)}: each row is a caption of it"] if several else []),
        *([f"{name}: {counted(len(empty), 'row')} without a caption (the first: line {empty[0]})"] if empty else []),
        *(
            [
                f"{name}: {counted(len(odd), 'caption')} not used, neither a text nor a list of texts (the first: line "
                f"{odd[0][0]}, "
                f"{str(odd[0][1])[:40]})"
            ]
            if odd
            else []
        ),
    ]


def _of_columns(
    name: str, table: Table, name_key: str, text_key: str | None, rows: Sequence[tuple[str, Row]]
) -> list[str]:
    """Return the notes on the columns that are neither names nor captions."""
    others = sorted(column for column in table.columns if column not in (name_key, text_key))
    if text_key:
        return [f"{name}: no captions in the columns {some(others, 8)}"] if others else []
    usable = sorted({column for _, row in rows for column, _ in _further(row, name_key, None)})
    if part := next((column for column in COLUMNS if column in usable), None):
        return [f"{name} has no captions; its column {part} says of which part of the data each image is"]
    if usable:
        return [f"{name} has no captions; its columns can be named with --group: {some(usable, 8)}"]
    listed = some(sorted(table.columns), 8)
    return [
        f"{name} is not used: it has no column text or caption, only {listed}"
        if rows
        else f"{name} is not used: none of its {counted(len(table.rows), 'row')} names an image of the folder"
    ]


def _further(row: Row, name_key: str, text_key: str | None) -> list[tuple[str, str]]:
    """The cells of a row that are neither the name nor the caption, where they hold one value."""
    return [
        (column, composed(str(value).strip()))
        for column, value in row.cells.items()
        if column not in (name_key, text_key, "") and isinstance(value, str | int | float) and str(value).strip()
    ]


def _finder(folder: str, images: Sequence[str]) -> Find:
    """From a name in a table of this folder to the image that it means."""
    prefix = f"{folder}/" if folder else ""
    inside = {name.removeprefix(prefix): name for name in images if name.startswith(prefix)}
    by_base: dict[str, str | None] = {}
    for name in inside.values():
        base = composed(posixpath.basename(name))
        by_base[base] = None if base in by_base else name
    exact = lookup(inside)

    def find(name: str) -> str | None:
        name = name.strip().replace("\\", "/").removeprefix("./")
        return exact(name) or (by_base.get(composed(name)) if "/" not in name else None)

    return find
