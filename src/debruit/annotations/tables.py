"""Tables of text next to images: CSV, TSV and JSON lines -> rows by the names of their columns, each with its
line.

A row that cannot be meant is refused with the number of its line: a quote that is never closed, or that is closed rows
later and swallows those between, more cells than the header has, JSON that is damaged.
"""

import csv
import io
import json
import posixpath
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from debruit.errors import InputError
from debruit.images.pixels import EXTENSIONS
from debruit.text.encodings import READ, decoded, lines_of
from debruit.text.wording import some

NAMES = ("file_name", "filename", "file", "image", "path", "name")
TEXTS = ("text", "caption", "captions", "texts", "prompt", "description")
DELIMITERS = ",;\t|"

Find = Callable[[str], str | None]  # from a name in a table to the image that it means


@dataclass(frozen=True)
class Row:
    """The cells of a row by its columns, and the line at which it begins."""

    line: int
    cells: Mapping[str, Any]


@dataclass(frozen=True)
class Table:
    """Rows, and the columns that any of them has, by their names in lower case."""

    columns: tuple[str, ...]
    rows: tuple[Row, ...]

    def column(self, known: tuple[str, ...]) -> str | None:
        """The first of these columns that there is."""
        return next((name for name in known if name in self.columns), None)


def read_table(path: Path, find: Find) -> Table:
    """InputError: an encoding that is not read, a header that is missing, or a row that cannot be meant."""
    try:
        text = decoded(path.read_bytes())
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}): check its permissions, or remove it") from None
    if text is None:
        raise InputError(f"{path} is no UTF-8 text: save it as UTF-8, or remove it ({READ} are read)")
    return _of_json(text, path) if path.suffix.lower() == ".jsonl" else _of_csv(text, path, find)


def _of_json(text: str, path: Path) -> Table:
    rows: list[Row] = []
    for n, line in enumerate(lines_of(text), 1):
        if not line.strip():
            continue
        try:
            cells = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise InputError(
                f"{path}: line {n} is no JSON ({error}): write one object a line, or remove the line"
            ) from None
        if not isinstance(cells, dict):
            raise InputError(f'{path}: line {n} is no object: write {{"file_name": "a.png", "text": "a red door"}}')
        rows.append(Row(n, {str(key).strip().lower(): value for key, value in cells.items()}))
    return Table(tuple(dict.fromkeys(key for row in rows for key in row.cells)), tuple(rows))


def _of_csv(text: str, path: Path, find: Find) -> Table:
    first = next((line for line in lines_of(text) if line.strip()), "")
    delimiter = max(DELIMITERS, key=first.count)
    records = _records(text, path, delimiter)
    _, header = next(records, (0, []))
    columns = [name.strip().lower() for name in header]
    if not {*columns} & {*NAMES, *TEXTS} and any(find(cell.strip()) for cell in header):
        raise InputError(
            f"{path} has no header, its first line is '{first.strip()[:60]}': begin it with a line such as "
            f"file_name{delimiter}text"
        )
    if twice := [name for name, count in Counter(filter(None, columns)).items() if count > 1]:
        raise InputError(f"{path} has the column '{twice[0]}' twice: rename one of them, or remove it")
    of_name = next((columns.index(name) for name in NAMES if name in columns), None)
    physical = lines_of(text)
    rows: list[Row] = []
    for (begin, end), cells in records:
        if of_name is not None:
            _check_swallowed(path, physical[begin:end], begin, end, delimiter, of_name, find)
        while len(cells) > len(columns) and not cells[-1].strip():
            cells.pop()
        if len(cells) > len(columns):
            raise InputError(
                f"{path}: line {begin} has {len(cells)} cells and the header has {len(columns)} ({some(header, 8)}): "
                "put a text that holds "
                f"'{delimiter}' into quotes (\")"
            )
        rows.append(Row(begin, dict(zip(columns, cells, strict=False))))
    return Table(tuple(filter(None, columns)), tuple(rows))


def _records(text: str, path: Path, delimiter: str) -> Iterator[tuple[Any, list[str]]]:
    """((first line, last line), cells) of each record that is not blank."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    while True:
        begin = reader.line_num + 1
        try:
            cells = next(reader, None)
        except csv.Error as error:
            raise InputError(
                f'{path}: line {begin}: a quote (") opens or closes where none can ({error}), and the rows after it '
                "would become part of it: "
                'put the text into quotes and write each quote inside of it twice ("")'
            ) from None
        if cells is None:
            return
        if any(cell.strip() for cell in cells):
            yield (begin, reader.line_num), cells


def _check_swallowed(
    path: Path, rest: list[str], begin: int, end: int, delimiter: str, of_name: int, find: Find
) -> None:
    """InputError if one of the further lines of a record is a row by itself: it names an image in the column of
    names."""
    for line in rest:
        cells = [cell.strip(' "') for cell in line.split(delimiter)]
        name = cells[of_name] if len(cells) > of_name else ""
        if name and (find(name) is not None or (len(cells) > 1 and posixpath.splitext(name)[1].lower() in EXTENSIONS)):
            raise InputError(
                f'{path}: line {begin}: a quote (") opens here and is closed only in line {end}, and swallows the rows '
                "between: "
                'put the text into quotes and write each quote inside of it twice ("")'
            )
