"""One Parquet file: its columns, its rows as entries of a data set, and what of it is damaged. Rows are read a few at a
time.
"""

import posixpath
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from debruit.annotations.caption_tables import as_texts
from debruit.annotations.custom_split import COLUMNS, part_of_word
from debruit.annotations.labels import read_label
from debruit.data.ingest.scan import Entry
from debruit.data.sources.parquet_columns import Columns, columns_of
from debruit.files.blobs import Blob, Openable
from debruit.images.spec import Skipped

ROWS, CELLS = 32, 4096  # in memory at once, with and without images


@dataclass(frozen=True)
class ParquetTable:
    """One file."""

    path: Path
    name: str
    columns: Columns
    rows: int

    @classmethod
    def open(cls, path: Path, name: str) -> "ParquetTable | Skipped":
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
