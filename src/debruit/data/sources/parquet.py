"""Tables in Parquet, one file or a folder of them, in Hugging Face's layout: a column of images, and of captions,
labels or masks (parquet_columns.py).

Files that are called after parts (train-00000-of-00002.parquet, test-...) are these parts of one data set. Rows are
read a few at a time.
"""

import importlib.util
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from debruit.annotations.class_titles import names_beside, renamed_by
from debruit.annotations.image_classes import Classes, by_labels
from debruit.annotations.mask_classes import CLASSES, Legend, legend_of
from debruit.annotations.names import composed
from debruit.data.dataset import Dataset
from debruit.data.ingest.cache import Location, Recording, load_collected, stored
from debruit.data.ingest.listing import file_in, files_of, one_file, unused_next_to
from debruit.data.ingest.plan import Collected, plan
from debruit.data.ingest.scan import Collection
from debruit.data.sources.parquet_table import ParquetTable
from debruit.errors import InputError
from debruit.files.keys import File, content_key
from debruit.images.spec import Skipped
from debruit.text.wording import counted, some

EXTENSION = ".parquet"
DESCRIPTIONS = ("dataset_infos.json", "dataset_info.json", "state.json")  # of a data set in Hugging Face's layout


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
        tables = [ParquetTable.open(folder / file.name, file.name) for file in files]
        named = {name for table in tables if isinstance(table, ParquetTable) for name in table.named()}
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
        tables = [ParquetTable.open(folder / file.name, file.name) for file in files]
        usable = [table for table in tables if isinstance(table, ParquetTable)]
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

    def _tables(self) -> "list[ParquetTable]":
        folder, files = self._files()
        tables = (ParquetTable.open(folder / file.name, file.name) for file in files)
        return [table for table in tables if isinstance(table, ParquetTable)]

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


def _text(value: Any) -> str:
    """A value by which images are grouped; whole numbers are the same whether a table stores them as fractions or
    not."""
    whole = isinstance(value, float) and value.is_integer()
    return composed(str(int(value) if whole else value).strip())


def _classes(labels: Mapping[str, int | str | None], names: Sequence[str], titles: Sequence[Path]) -> Classes:
    return renamed_by(by_labels(labels, names), titles)


def _notes(tables: Sequence[ParquetTable], names: Sequence[str]) -> Iterator[str]:
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


def _require() -> None:
    if importlib.util.find_spec("pyarrow") is None:
        raise InputError('Parquet files are read by pyarrow, which is not installed: pip install "debruit[parquet]"')
