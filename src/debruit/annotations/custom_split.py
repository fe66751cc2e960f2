"""The user's split into training, validation and test: the part of each image.

    train/cat/0.png, val/cat/1.png, test/...           folders, where all of a level are called so
    train-00000-of-00002.parquet, test-0000.tar        files of tables and shards
    a column "split" of a table: train, validation, test

Several files without such a name are of the training if others have one. Without an image of the training there is no
split.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath

import numpy as np

TRAINING, VALIDATION, TEST, NEITHER = range(4)
WORDS = {
    "train": TRAINING,
    "training": TRAINING,
    "val": VALIDATION,
    "valid": VALIDATION,
    "validation": VALIDATION,
    "dev": VALIDATION,
    "test": TEST,
    "testing": TEST,
}
COLUMNS = ("split", "partition")  # of a table
CONTAINER = re.compile(r"^(.*?\.parquet) row \d+$|^(.*?\.tar)/", re.IGNORECASE)


def part_of_word(word: str) -> int | None:
    """The part that a word means; None for an empty one, NEITHER for any other."""
    text = word.strip().lower()
    return WORDS.get(text, NEITHER) if text else None


def part_of_cells(cells: Mapping[str, str]) -> int | None:
    """The part that the column of a table says."""
    return next((part_of_word(str(cells[name])) for name in COLUMNS if name in cells), None)


def part_of_file(name: str) -> int | None:
    """The part that the name of a table or shard says, or that of a folder that it is in; None where it says none or
    several."""
    parts = {WORDS[word] for word in re.split(r"[^a-z]+", name.lower().rpartition(".")[0]) if word in WORDS}
    return parts.pop() if len(parts) == 1 else None


def parts_of(names: Sequence[str], from_table: Sequence[int | None] | None = None) -> np.ndarray | None:
    """The part of each image, (N,) int8, by its table (`from_table`) or else by its name; None if there is no split."""
    parts = _of_table(from_table) if from_table is not None else None
    if parts is None:
        parts = _of_files(names) if names and CONTAINER.match(names[0]) else _of_folders(names)
    divided = parts is not None and TRAINING in parts and len(set(parts)) > 1
    return np.array(parts, dtype=np.int8) if divided else None


def split_note(parts: np.ndarray | None) -> tuple[str, ...]:
    """Return the note on a split."""
    if parts is None:
        return ()
    counts = np.bincount(parts, minlength=4).tolist()
    named = zip(("to train on", "for validation", "for the test", "of no such part"), counts, strict=True)
    return (f"parts found: {', '.join(f'{count:,} {name}' for name, count in named if count)}",)


def depth_of_parts(names: Sequence[str]) -> int | None:
    """At which level all folders are called after parts, and are several; None where there is no such level."""
    parts = [PurePosixPath(name).parts[:-1] for name in names]
    for depth in range(min(map(len, parts), default=0)):
        heads = {part[depth].lower() for part in parts}
        if len(heads) > 1:
            return depth if heads <= {*WORDS} else None
    return None


def _of_table(from_table: Sequence[int | None]) -> list[int] | None:
    return (
        [NEITHER if part is None else part for part in from_table]
        if any(part is not None for part in from_table)
        else None
    )


def _of_files(names: Sequence[str]) -> list[int]:
    known: dict[str, int] = {}
    parts = []
    for name in names:
        match = CONTAINER.match(name)
        file = (match[1] or match[2]) if match else name
        if file not in known:
            part = part_of_file(file)
            known[file] = TRAINING if part is None else part
        parts.append(known[file])
    return parts


def _of_folders(names: Sequence[str]) -> list[int] | None:
    depth = depth_of_parts(names)
    if depth is None:
        return None
    return [WORDS[PurePosixPath(name).parts[depth].lower()] for name in names]
