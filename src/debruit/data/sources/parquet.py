"""Tables in Parquet, one file or a folder of them, in Hugging Face's layout: a column of images, and of captions,
labels or masks (parquet_columns.py).

Files that are called after parts (train-00000-of-00002.parquet, test-...) are these parts of one data set. Rows are
read a few at a time.
"""

import importlib.util
import posixpath
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from debruit.annotations.captions import as_texts
from debruit.annotations.class_titles import names_beside, renamed_by
from debruit.annotations.custom_split import COLUMNS, part_of_word
from debruit.annotations.image_classes import Classes, by_labels
from debruit.annotations.labels import read_label
from debruit.annotations.mask_classes import CLASSES, Legend, legend_of
from debruit.annotations.names import composed
from debruit.data.dataset import Dataset
from debruit.data.ingest.cache import Location, Recording, load_collected, stored
from debruit.data.ingest.listing import file_in, files_of, one_file, unused_next_to
from debruit.data.ingest.plan import Collected, plan
from debruit.data.ingest.scan import Collection, Entry
from debruit.data.sources.parquet_columns import Columns, columns_of
from debruit.errors import InputError
from debruit.files.blobs import Blob, Openable
from debruit.files.keys import File, content_key
from debruit.images.spec import Skipped
from debruit.text.wording import counted, some

EXTENSION = ".parquet"
DESCRIPTIONS = ("dataset_infos.json", "dataset_info.json", "state.json")  # of a data set in Hugging Face's layout
ROWS, CELLS = 32, 4096  # in memory at once, with and without images


@dataclass(frozen=True, kw_only=True)
class Parquet(Collected):
    """Images in a Parquet file or a folder of them, with the captions, labels and masks of their columns."""

    name: ClassVar[str] = "parquet"

    def build(self) -> Dataset:
        """Map the images, decoding them first if the content of the tables, or of the files that they name, is not
        in the cache."""
        _require()
        folder, files = self._files()
        legend = [one_file(path) for path in [folder / CLASSES, *names_beside(folder)] if path.exists()]
        tables = [_Table.open(folder / file.name, file.name) for file in files]
        named = {name for table in tables if isinstance(table, _Table) for name in table.named()}
        named_files = [file_in(folder, name) for name in sorted(named)]
        key = content_key(folder, [*files, *legend, *named_files], [self.name, *self.settings()])
        location = Location(name=self._called(folder), notes=tuple(self._notes_on_folder(folder)))
        return stored(key, self._recording, load_collected, location=location).with_tables(self)

    def _called(self, folder: Path) -> str:
        return folder.absolute().name if self.only else Path(self.path).absolute().name.removesuffix(EXTENSION)

    def collection(self) -> Collection:
        """Return the rows of all tables. InputError: pyarrow is not installed, a table has no image."""
        _require()
        folder, files = self._files()
        tables = [_Table.open(folder / file.name, file.name) for file in files]
        usable = [table for table in tables if isinstance(table, _Table)]
        lost = tuple(table for table in tables if isinstance(table, Skipped))
        if not usable:
            raise InputError(
                f"{self.path}: {lost[0].name}: {lost[0].reason}; give Parquet files with a column of images"
            )
        masked = any(table.columns.mask for table in usable)
        names = tuple(dict.fromkeys(name for table in usable for name in table.columns.classes))
        return Collection(
            origin=self.path,
            name=self._called(folder),
            count=sum(table.rows for table in usable),
            entries=lambda: (entry for table in usable for entry in table.entries(masked, names)),
            classes=partial(_classes, names=names, titles=names_beside(folder)),
            masked=masked,
            legend=legend_of(folder) if masked else Legend(),
            lost=lost,
            notes=tuple(_notes(usable, names)),
        )

    def _notes_on_folder(self, folder: Path) -> list[str]:
        """Return notes on other files of the folder, if the source was given as a folder."""
        if self.only or not Path(self.path).is_dir():
            return []
        return unused_next_to(
            folder, EXTENSION, (CLASSES, *(path.name for path in names_beside(folder)), *DESCRIPTIONS)
        )

    def columns(self) -> tuple[str, ...]:
        """Return the columns of texts and numbers that are no captions."""
        return tuple(sorted({name for table in self._tables() for name in table.columns.scalars}))

    def column(self, name: str) -> Mapping[str, str]:
        values_by_image: dict[str, str] = {}
        for table in self._tables():
            rows = table.cells([name]) if name in table.columns.scalars else ()
            values = ((f"{table.name} row {n}", row[name]) for n, row in enumerate(rows))
            values_by_image |= {image: _text(value) for image, value in values if value is not None and value == value}
        return values_by_image

    def _tables(self) -> "list[_Table]":
        folder, files = self._files()
        tables = (_Table.open(folder / file.name, file.name) for file in files)
        return [table for table in tables if isinstance(table, _Table)]

    def _files(self) -> tuple[Path, list[File]]:
        path = Path(self.path)
        if path.is_file():
            return path.parent, [one_file(path)]
        files = [file for file in files_of(path, EXTENSION) if not self.only or file.name in self.only]
        if missing := sorted({*self.only} - {file.name for file in files}):
            raise InputError(f"of the tables in {self.path} {missing[0]} is not there: put it back, or start a new run")
        if not files:
            raise InputError(f"there is no {EXTENSION} file in {self.path}: give a Parquet file or a folder of them")
        return path, files

    def _recording(self) -> Recording:
        return plan(self.collection(), self).recording()


@dataclass(frozen=True)
class _Table:
    """One file."""

    path: Path
    name: str
    columns: Columns
    rows: int

    @classmethod
    def open(cls, path: Path, name: str) -> "_Table | Skipped":
        import pyarrow
        import pyarrow.parquet as pq

        try:
            with pq.ParquetFile(path) as file:
                columns = columns_of(file.schema_arrow, partial(_first_bytes, file))
                if isinstance(columns, str):
                    return Skipped(name, columns)
                return cls(path, name, columns, file.metadata.num_rows)
        except (pyarrow.ArrowException, OSError) as error:
            return Skipped(name, f"no Parquet file, or damaged ({' '.join(str(error).split())[:100]})")

    def named(self) -> Iterator[str]:
        """The files that rows name in place of holding an image, by their names in the source's folder; nothing is
        decoded."""
        import pyarrow
        import pyarrow.parquet as pq

        try:
            with pq.ParquetFile(self.path) as file:
                for column in filter(None, (self.columns.image, self.columns.mask)):
                    groups = _lacking_bytes(file.metadata, column)
                    for batch in file.iter_batches(row_groups=groups, columns=[f"{column}.path"]) if groups else ():
                        inside = (_inside(row[column]) for row in batch.to_pylist())
                        yield from (posixpath.join(posixpath.dirname(self.name), path) for path in inside if path)
        except (pyarrow.ArrowException, OSError):
            return  # reported when its rows are read

    @property
    def of_part(self) -> str:
        """The column that says which part of the data a row is of, or ""."""
        names = {name.lower(): name for name, _ in self.columns.others}
        return next((names[name] for name in COLUMNS if name in names), "")

    def cells(self, columns: Sequence[str]) -> Iterator[Mapping[str, Any]]:
        """Each row with these of its columns; up to the damage where there is some."""
        import pyarrow
        import pyarrow.parquet as pq

        try:
            with pq.ParquetFile(self.path) as file:
                for batch in file.iter_batches(CELLS, columns=list(columns)) if columns else ():
                    yield from batch.to_pylist()
        except (pyarrow.ArrowException, OSError):
            return  # reported when its images are read

    def entries(self, masked: bool, names: Sequence[str]) -> Iterator[Entry]:
        import pyarrow
        import pyarrow.parquet as pq

        done = 0
        columns = [*self.columns.names(), *filter(None, [self.of_part])]
        try:
            with pq.ParquetFile(self.path) as file:
                for batch in file.iter_batches(ROWS, columns=columns):
                    for row in batch.to_pylist():
                        yield self._entry(row, done, masked, names)
                        done += 1
        except (pyarrow.ArrowException, OSError) as error:
            reason = f"damaged here ({' '.join(str(error).split())[:100]}): its other rows are lost"
            yield Entry(name=f"{self.name} row {done}", image=Blob(b""), lacks=reason)

    def label(self, row: Mapping[str, Any], names: Sequence[str]) -> tuple[int | str | None, str]:
        """The label of a row, by the names of all tables, or why there is none."""
        label, problem = read_label(row.get(self.columns.label), digits=False)
        own = self.columns.classes or names
        if isinstance(label, int) and own:
            if label >= len(own):
                return None, f"no name for their number, {len(own)} names are there"
            return (list(names).index(own[label]) if own != names else label), ""
        return label, problem

    def _entry(self, row: Mapping[str, Any], number: int, masked: bool, names: Sequence[str]) -> Entry:
        image, mask = _bytes(row[self.columns.image], self.path.parent), None
        lacks = "" if image is not None else "it has no image"
        if masked:
            mask = _bytes(row.get(self.columns.mask), self.path.parent)
            lacks = lacks or ("" if mask is not None else "it has no mask")
        return Entry(
            name=f"{self.name} row {number}",
            image=image or Blob(b""),
            mask=mask,
            mask_name=f"in column {self.columns.mask}",
            label=self.label(row, names)[0] if self.columns.label else None,
            texts=tuple(as_texts(row.get(self.columns.text))),
            lacks=lacks,
            part=part_of_word(str(row.get(self.of_part) or "")) if self.of_part else None,
        )


def _text(value: Any) -> str:
    """A value by which images are grouped; whole numbers are the same whether a table stores them as fractions or
    not."""
    whole = isinstance(value, float) and value.is_integer()
    return composed(str(int(value) if whole else value).strip())


def _classes(labels: Mapping[str, int | str | None], names: Sequence[str], titles: Sequence[Path]) -> Classes:
    return renamed_by(by_labels(labels, names), titles)


def _notes(tables: Sequence[_Table], names: Sequence[str]) -> Iterator[str]:
    """Yield notes on unused columns, labels and tables, with counts."""
    others: dict[str, str] = {}
    problems: Counter[str] = Counter()
    for table in tables:
        others |= dict(table.columns.others)
        if table.columns.label:
            problems.update(
                problem for row in table.cells([table.columns.label]) if (problem := table.label(row, names)[1])
            )
    if others:
        listed = some([f"{name} ({kind})" for name, kind in sorted(others.items())], 8)
        yield f"columns that are neither images nor conditions: {listed}"
    for problem, count in sorted(problems.items()):
        yield f"labels that are not used: {count:,}, {problem}"
    unnamed = [table.name for table in tables if table.columns.label and not table.columns.classes]
    if names and unnamed:
        tables_without = counted(len(unnamed), "table")
        yield f"{tables_without} without names of classes, whose numbers count those of the others: {some(unnamed)}"
    if names and any(table.columns.classes not in ((), tuple(names)) for table in tables):
        yield f"tables that name their classes in different orders: joined by their names: {some(names)}"
    lacking = [
        (what, [table.name for table in tables if not getattr(table.columns, what)]) for what in ("text", "label")
    ]
    for what, without in lacking:
        if 0 < len(without) < len(tables):
            yield f"{counted(len(without), 'table')} without a column of {what}s, which others have: {some(without)}"


def _bytes(value: Any, folder: Path) -> Openable | None:
    if isinstance(value, bytes):
        return Blob(value)
    if isinstance(value, dict) and value.get("bytes"):
        return Blob(value["bytes"])
    path = _inside(value)
    return folder / path if path else None


def _first_bytes(file: Any, column: str) -> bytes:
    """The first value of a column of bytes that is not empty, or nothing."""
    batches = file.iter_batches(ROWS, columns=[column])
    return next((row[column] for batch in batches for row in batch.to_pylist() if row[column]), b"")


def _inside(value: Any) -> str:
    """The file that a cell names, "" for none. Only inside of the table's folder: a table from elsewhere has no
    business with other files."""
    path = Path(value["path"]) if isinstance(value, dict) and value.get("path") else Path()
    return path.as_posix() if path.name and not path.is_absolute() and ".." not in path.parts else ""


def _lacking_bytes(metadata: Any, column: str) -> list[int]:
    """The row groups in which a cell of this column may have a path and no bytes."""
    groups = []
    for group in range(metadata.num_row_groups):
        leaves = [metadata.row_group(group).column(n) for n in range(metadata.num_columns)]
        by_path = {leaf.path_in_schema: leaf.statistics for leaf in leaves}
        held = by_path.get(f"{column}.bytes")
        whole = held is not None and held.has_null_count and held.null_count == 0
        if f"{column}.path" in by_path and not whole:
            groups.append(group)
    return groups


def _require() -> None:
    if importlib.util.find_spec("pyarrow") is None:
        raise InputError('Parquet files are read by pyarrow, which is not installed: pip install "debruit[parquet]"')
