"""Captions in files next to images: NAME.txt or NAME.caption (each line is a caption), and tables.

    captions.jsonl, metadata.jsonl             {"file_name": "a.png", "text": "a red door"}; "text" may be a list
    captions.csv, metadata.csv (also .tsv)     columns file_name and text; a file_name may come several times

Names in a table are relative to its folder; a name without a folder finds the one image of that name below it. Boxes
and numbers are no captions (annotations.py).
"""

import posixpath
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from debruit.annotations.annotations import are_numbers, is_document
from debruit.annotations.custom_split import COLUMNS, part_of_cells, part_of_word
from debruit.annotations.names import composed, lookup
from debruit.annotations.tables import NAMES, TEXTS, Find, Row, Table, read_table
from debruit.errors import InputError
from debruit.files.parallel import mapped
from debruit.text.encodings import decoded, lines_of
from debruit.text.wording import counted, shown, some

BESIDE = (".txt", ".caption")
TABLES = tuple(f"{name}{kind}" for name in ("captions", "metadata") for kind in (".jsonl", ".csv", ".tsv"))


@dataclass(frozen=True)
class Captions:
    """The captions of each image that has some, the other cells of its row in a table, and what there is to say
    about it."""

    of: Mapping[str, tuple[str, ...]]
    notes: tuple[str, ...] = ()
    cells: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


def read_captions(root: Path, images: Sequence[str], others: Sequence[str]) -> Captions:
    """Read the captions from `others`, the files of the folder that are no images. InputError: a table that names no
    image of the folder, or has an invalid row."""
    captions_of: dict[str, list[str]] = defaultdict(list)
    cells: dict[str, dict[str, str]] = defaultdict(dict)
    notes: list[str] = []
    for table in (name for name in others if posixpath.basename(name).lower() in TABLES):
        notes += _from_table(root, table, images, captions_of, cells)
    notes += _without_part(images, cells)
    notes += _from_texts(root, images, others, captions_of)
    captions = {name: tuple(texts) for name, texts in captions_of.items() if texts}
    return Captions(captions, tuple(notes), {name: dict(of) for name, of in cells.items() if of})


def captioned(count: int, total: int) -> str:
    """Return the note on captions for `count` of `total` images, or nothing if none has one."""
    if not count:
        return ""
    if count == total:
        return f"captions for all {counted(total)}"
    what = f"captions for {count:,} of {counted(total)}, for the others the caption is none"
    if 2 * count > total:
        return what
    return f"{what}: a prompt will have little effect; caption them, or move the images without a caption elsewhere"


def split_lines(text: str) -> list[str]:
    """Each line that is not blank, its accents composed."""
    return [composed(line.strip()) for line in lines_of(text) if line.strip()]


def as_texts(value: Any) -> list[str]:
    """The captions in a cell: a string, or a list of them."""
    if isinstance(value, str):
        return [composed(value.strip())] if value.strip() else []
    return [text for item in value for text in as_texts(item)] if isinstance(value, list | tuple) else []


def stem_of(name: str) -> str:
    """A name without its extension, in the form in which names are compared."""
    return composed(posixpath.splitext(name)[0])


def _from_texts(
    root: Path, images: Sequence[str], others: Sequence[str], captions_of: dict[str, list[str]]
) -> list[str]:
    """Add the captions of text files, each next to the image of its name; return the notes."""
    stems: dict[str, list[str]] = defaultdict(list)
    for image in images:
        stems[stem_of(image)].append(image)
    texts = [name for name in others if posixpath.splitext(name)[1].lower() in BESIDE and stem_of(name) in stems]
    documents = [name for name in texts if is_document(name)]
    texts = [name for name in texts if name not in set(documents)]
    broken, numbers, empty, several = [], [], [], []
    for name, text in zip(texts, mapped(lambda name: _text(root / name), texts), strict=True):
        if text is None:
            broken.append(shown(name))
        elif are_numbers(text):
            numbers.append(shown(name))
        elif not text.strip():
            empty.append(shown(name))
        else:
            if len(stems[stem_of(name)]) > 1:
                several.append(shown(name))
            for image in stems[stem_of(name)]:
                captions_of[image] += split_lines(text)
    return [
        *([f"captions that are no UTF-8 text are not used: {some(broken)}"] if broken else []),
        *(
            [f"{counted(len(numbers), 'text file')} next to images: boxes or numbers, no captions: {some(numbers)}"]
            if numbers
            else []
        ),
        *([f"{counted(len(empty), 'text file')} next to images: empty, no caption: {some(empty)}"] if empty else []),
        *([f"no captions, by their names: {some(map(shown, documents))}"] if documents else []),
        *([f"a caption for several images of one name: {some(several)}"] if several else []),
    ]


def _text(path: Path) -> str | None:
    try:
        return decoded(path.read_bytes())
    except OSError:
        return None


def _from_table(
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


def _without_part(images: Sequence[str], cells: Mapping[str, Mapping[str, str]]) -> list[str]:
    """Return the notes on images without a split, where tables give the split of others."""
    lacking = [name for name in images if part_of_cells(cells.get(name, {})) is None]
    if not 0 < len(lacking) < len(images):
        return []
    return [f"images of which no table says the part: {len(lacking):,} ({some(map(shown, lacking), 3)})"]


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
