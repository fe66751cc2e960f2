"""Tables in Parquet, one file or a folder of them, in Hugging Face's layout: a column of images, and of captions, labels or masks.

    image      {"bytes", "path"}, or bytes     text      a caption, or a list of captions
    label      a number or a name              mask      as image

Names of classes come from the features that Hugging Face stores beside the columns. Rows are read a few at a time.
"""

import importlib.util
import json
import posixpath
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from debruit.data.blobs import Blob, Openable
from debruit.data.cache import Recording, stored
from debruit.data.captions import TEXTS, as_texts
from debruit.data.classes import by_labels
from debruit.data.dataset import Dataset, Skipped, quiet
from debruit.data.keys import File, content_key
from debruit.data.legend import CLASSES, Legend, legend_of
from debruit.data.listing import file_in, files_of, one_file
from debruit.data.pixels import patient
from debruit.data.recording import Collected, plan
from debruit.data.survey import Collection, Entry
from debruit.data.wording import some
from debruit.errors import InputError

EXTENSION = ".parquet"
ROWS = 32  # in memory at once
IMAGES = ("image", "img", "images", "jpg", "png", "webp", "pixel_values")
MASKS = ("mask", "segmentation", "annotation", "label")
LABELS = ("label", "labels", "class", "cls", "fine_label")


@dataclass(frozen=True, kw_only=True)
class Columns:
    """Which column of a table is what; "" where there is none. `classes`: the names that the labels count."""

    image: str
    text: str = ""
    label: str = ""
    mask: str = ""
    classes: tuple[str, ...] = ()

    def wanted(self) -> list[str]:
        return [name for name in (self.image, self.text, self.label, self.mask) if name]


@dataclass(frozen=True, kw_only=True)
class Parquet(Collected):
    """Images in a Parquet file or a folder of them, with the captions, labels and masks of their columns."""

    name: ClassVar[str] = "parquet"

    def build(self, report: Callable[[str], None] = quiet) -> Dataset:
        """Maps the images, decoding them first if the content of the tables, or of the files that they name, is not in the cache."""
        _require()
        folder, files = self._files()
        legend = [one_file(folder / CLASSES)] if (folder / CLASSES).exists() else []
        tables = [_Table.open(folder / file.name, file.name) for file in files]
        named = {name for table in tables if isinstance(table, _Table) for name in table.named()}
        beside = [file_in(folder, name) for name in sorted(named)]
        key = content_key(folder, [*files, *legend, *beside], [self.name, *self.settings()])
        with patient():
            return stored(key, lambda: self._recording(report), report)

    def collection(self) -> Collection:
        """The rows of all tables. InputError: pyarrow is not installed, a table has no image."""
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
        return Collection(
            origin=self.path,
            name=Path(self.path).absolute().name.removesuffix(EXTENSION),
            count=sum(table.rows for table in usable),
            entries=lambda: (entry for table in usable for entry in table.entries(masked)),
            classes=partial(by_labels, names=usable[0].columns.classes),
            masked=masked,
            legend=legend_of(folder) if masked else Legend(),
            lost=lost,
        )

    def _files(self) -> tuple[Path, list[File]]:
        path = Path(self.path)
        if path.is_file():
            return path.parent, [one_file(path)]
        files = files_of(path, EXTENSION)
        if not files:
            raise InputError(f"there is no {EXTENSION} file in {self.path}: give a Parquet file or a folder of them")
        return path, files

    def _recording(self, report: Callable[[str], None]) -> Recording:
        return plan(self.collection(), self, report).recording()


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
                columns = _columns(file.schema_arrow)
                if isinstance(columns, str):
                    return Skipped(name, columns)
                return cls(path, name, columns, file.metadata.num_rows)
        except (pyarrow.ArrowException, OSError) as error:
            return Skipped(name, f"no Parquet file, or damaged ({' '.join(str(error).split())[:100]})")

    def named(self) -> Iterator[str]:
        """The files that rows name in place of holding an image, by their names in the source's folder; nothing is decoded."""
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
            return  # said when its rows are read

    def entries(self, masked: bool) -> Iterator[Entry]:
        import pyarrow
        import pyarrow.parquet as pq

        done = 0
        try:
            with pq.ParquetFile(self.path) as file:
                for batch in file.iter_batches(ROWS, columns=self.columns.wanted()):
                    for row in batch.to_pylist():
                        yield self._entry(row, done, masked)
                        done += 1
        except (pyarrow.ArrowException, OSError) as error:
            reason = f"damaged here ({' '.join(str(error).split())[:100]}): its other rows are lost"
            yield Entry(name=f"{self.name} row {done}", image=Blob(b""), lacks=reason)

    def _entry(self, row: Mapping[str, Any], number: int, masked: bool) -> Entry:
        image, mask = _bytes(row[self.columns.image], self.path.parent), None
        lacks = "" if image is not None else "it has no image"
        if masked:
            mask = _bytes(row.get(self.columns.mask), self.path.parent)
            lacks = lacks or ("" if mask is not None else "it has no mask")
        label = row.get(self.columns.label) if self.columns.label else None
        return Entry(
            name=f"{self.name} row {number}",
            image=image or Blob(b""),
            mask=mask,
            mask_name=f"in column {self.columns.mask}",
            label=None if label is None or label == -1 else label if isinstance(label, int) else str(label),
            texts=tuple(as_texts(row.get(self.columns.text))),
            lacks=lacks,
        )


def _columns(schema: Any) -> Columns | str:
    """Which column is what, or the reason why this table is of no use."""
    import pyarrow.types as kinds

    features = _features(schema.metadata)
    lowered = {name.lower(): name for name in reversed(schema.names)}
    declared = [name for name in schema.names if features.get(name, {}).get("_type") == "Image"]

    def holds_bytes(name: str) -> bool:
        kind = schema.field(name).type
        names = [kind.field(n).name for n in range(kind.num_fields)] if kinds.is_struct(kind) else []
        return name in declared or "bytes" in names or kinds.is_binary(kind) or kinds.is_large_binary(kind)

    def first(known: tuple[str, ...], suits: Callable[[str], bool]) -> str:
        return next((lowered[name] for name in known if name in lowered and suits(lowered[name])), "")

    image = first(IMAGES, holds_bytes) or next(iter(declared), "")
    if not image:
        return f"no column of images among {some(schema.names, 8)} (it is called image, and holds bytes)"
    label = first(LABELS, lambda name: not holds_bytes(name) and _is_label(schema.field(name).type))
    return Columns(
        image=image,
        text=first(TEXTS, lambda name: not holds_bytes(name)),
        label=label,
        mask=first(MASKS, lambda name: holds_bytes(name) and name != image),
        classes=tuple(map(str, features.get(label, {}).get("names") or ())),
    )


def _is_label(kind: Any) -> bool:
    import pyarrow.types as kinds

    return kinds.is_integer(kind) or kinds.is_string(kind) or kinds.is_large_string(kind) or kinds.is_dictionary(kind)


def _features(metadata: Mapping[bytes, bytes] | None) -> Mapping[str, Any]:
    try:
        return json.loads((metadata or {})[b"huggingface"])["info"]["features"]
    except (KeyError, ValueError, TypeError):
        return {}


def _bytes(value: Any, folder: Path) -> Openable | None:
    if isinstance(value, bytes):
        return Blob(value)
    if isinstance(value, dict) and value.get("bytes"):
        return Blob(value["bytes"])
    path = _inside(value)
    return folder / path if path else None


def _inside(value: Any) -> str:
    """The file that a cell names, "" for none. Only inside of the table's folder: a table from elsewhere has no business with other files."""
    path = Path(value["path"]) if isinstance(value, dict) and value.get("path") else Path()
    return path.as_posix() if path.name and not path.is_absolute() and ".." not in path.parts else ""


def _lacking_bytes(metadata: Any, column: str) -> list[int]:
    """The row groups in which a cell of this column may have a path and no bytes."""
    found = []
    for group in range(metadata.num_row_groups):
        leaves = [metadata.row_group(group).column(n) for n in range(metadata.num_columns)]
        by_path = {leaf.path_in_schema: leaf.statistics for leaf in leaves}
        held = by_path.get(f"{column}.bytes")
        whole = held is not None and held.has_null_count and held.null_count == 0
        if f"{column}.path" in by_path and not whole:
            found.append(group)
    return found


def _require() -> None:
    if importlib.util.find_spec("pyarrow") is None:
        raise InputError('Parquet files are read by pyarrow, which is not installed: pip install "debruit[parquet]"')
