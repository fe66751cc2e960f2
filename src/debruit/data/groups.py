"""Groups of images that belong together (a patient, a scene, a video), of which no image may be held out while others
are trained on.

    --group patient, column:patient    a column of a table next to the images, of a Parquet table, or a key of the JSON
                                       members of shards
    --group 'p(\\d+)_'                  the first bracketed group of a pattern, searched in the file's name (in the
                                       whole path where the pattern holds a /)
    --group folder                     the folder that the image is in, without the levels that are classes or parts
    --group sequence                   the folder of frames that the image belongs to (frame_folders.py)

An image that has no group is a group by itself.
"""

import re
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np

from debruit.annotations.custom_split import CONTAINER, depth_of_parts
from debruit.annotations.names import composed, lookup
from debruit.data.dataset import Dataset
from debruit.errors import InputError, nearest
from debruit.text.wording import counted, shown, some

FOLDER, SEQUENCE, COLUMN = "folder", "sequence", "column:"
THING = "thing"  # the column that says what an image shows, where several images show the same


@dataclass(frozen=True)
class Groups:
    """`numbers` (N,) int64: the group of each image; `names` of those that have one, which come first; `alone`:
    images without a group; `how`: a description of how they were made."""

    numbers: np.ndarray
    names: tuple[str, ...]
    alone: tuple[str, ...]
    how: str

    @property
    def count(self) -> int:
        return len(self.names) + len(self.alone)


def groups_of(dataset: Dataset, flag: str) -> Groups:
    """Return the groups that the value `flag` of --group defines. InputError: no such column, a pattern that is invalid
    or matches no name, fewer than two groups."""
    keys, how = _keys(dataset, flag)
    names = tuple(dict.fromkeys(key for key in keys if key is not None))
    alone = tuple(path for path, key in zip(dataset.paths, keys, strict=True) if key is None)
    if not names:
        raise InputError(
            f"--group {flag}: none of {counted(len(keys))} has a group (the first: {shown(dataset.paths[0])}), {how}"
        )
    groups = Groups(_numbers(keys, names), names, alone, how)
    if groups.count < 2:
        raise InputError(
            f"--group {flag}: all {counted(len(keys))} are of one group, {names[0]}: nothing could be held out; leave "
            "--group out"
        )
    return groups


def by_thing(dataset: Dataset) -> str:
    """The value of --group that keeps images of one thing together, where a table of the data says what they show; else
    ""."""
    columns = () if dataset.tables is None else dataset.tables.columns()
    return COLUMN + THING if THING in columns else ""


def _numbers(keys: list[str | None], names: tuple[str, ...]) -> np.ndarray:
    order, further = {name: n for n, name in enumerate(names)}, len(names)
    numbers = np.empty(len(keys), dtype=np.int64)
    for n, key in enumerate(keys):
        numbers[n] = further if key is None else order[key]
        further += key is None
    return numbers


def _keys(dataset: Dataset, flag: str) -> tuple[list[str | None], str]:
    text = flag.strip()
    if text.lower() == FOLDER:
        return _by_folder(dataset), "by their folders"
    if text.lower() == SEQUENCE:
        return [dataset.paths[first] for first in dataset.first_frames], "by their folders of frames"
    columns = dataset.tables.columns() if dataset.tables is not None else ()
    name = text.removeprefix(COLUMN).strip()
    by_form = lookup({column.lower(): column for column in columns})
    column = name if name in columns else by_form(composed(name).lower())
    if column is not None:
        assert dataset.tables is not None
        cells = dataset.tables.column(column)
        return [cells.get(path) for path in dataset.paths], f"by the column {column}"
    if text.startswith(COLUMN) or "(" not in text:
        listed = f"its columns are {some(columns, 8)}" if columns else "its tables have no columns for that"
        raise InputError(
            f"--group {flag}: {dataset.spec.name} has no such column{nearest(name, columns)}; {listed}; give one of "
            "them, folder, or a pattern of "
            r"file names with brackets, such as 'p(\d+)_'"
        )
    return _by_pattern(dataset, text), f"by the pattern {text}"


def _by_pattern(dataset: Dataset, text: str) -> list[str | None]:
    try:
        pattern = re.compile(composed(text))
    except re.error as error:
        raise InputError(f"--group {text}: this is no pattern ({error}): give one such as 'p(\\d+)_'") from None
    if not pattern.groups:
        raise InputError(
            f"--group {text}: the pattern says by no brackets which part of a name is the group: give one such as "
            "'p(\\d+)_'"
        )
    whole = "/" in text
    matches = (pattern.search(composed(path if whole else path.rpartition("/")[2])) for path in dataset.paths)
    return [None if match is None else match[1] for match in matches]


def _by_folder(dataset: Dataset) -> list[str | None]:
    paths = [_inside(path) for path in dataset.paths]
    folders = [list(PurePosixPath(path).parts[:-1]) for path in paths]
    levels = [depth for depth in (depth_of_parts(paths), _depth_of_classes(dataset, folders)) if depth is not None]
    below = [[part for depth, part in enumerate(folder) if depth not in levels] for folder in folders]
    if not all(below):  # the folders of classes are all that there are
        below = folders
    return [composed("/".join(folder)) or None for folder in below]


def _inside(path: str) -> str:
    """Return a name without the table or shard that it is in."""
    match = CONTAINER.match(path)
    return path if match is None else "" if match[1] else path.removeprefix(match[0])


def _depth_of_classes(dataset: Dataset, folders: list[list[str]]) -> int | None:
    """Return the level whose folders are the classes, or None."""
    if dataset.labels is None:
        return None
    for depth in range(min(map(len, folders), default=0)):
        pairs = {
            (composed(folder[depth]), label) for folder, label in zip(folders, dataset.labels.tolist(), strict=True)
        }
        classes = len({label for _, label in pairs})
        if len(pairs) == classes == len({name for name, _ in pairs}) and classes > 1:
            return depth
    return None
