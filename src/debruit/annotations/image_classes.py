"""The class of each image: from its folder, or from a label that is stored with it.

Subfolders are classes when no image lies next to them: folders that hold a single folder are walked through, and so are
splits (train, val, test).
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import PurePosixPath

from debruit.annotations.custom_split import WORDS
from debruit.annotations.names import composed
from debruit.text.wording import counted, some


@dataclass(frozen=True, kw_only=True)
class Classes:
    """A label for each name, or none, and the sentence that says why. `ids`: what the classes are called in the
    files, where `names` are others."""

    names: tuple[str, ...]
    labels: Mapping[str, int]
    why: str
    ids: tuple[str, ...] = ()


def number_in(name: str) -> Decimal | None:
    """The number that a name is, as "7", "07" or "-0.5" are; None for another name."""
    return Decimal(name) if re.fullmatch(r"[+-]?[0-9]+(\.[0-9]+)?", name) else None


def in_order(names: Collection[str]) -> tuple[str, ...]:
    """Names in their natural order: 1, 2, 10, and a2 before a10."""
    numbers = {name: number_in(name) for name in names}
    if None not in numbers.values():
        return tuple(sorted(names, key=lambda name: (numbers[name], name)))
    return tuple(sorted(names, key=lambda name: (_parts(name), name)))


def _parts(name: str) -> list[tuple[int, int, str]]:
    parts = re.split(r"([0-9]+)", name)
    return [(0, int(part), "") if part.isdecimal() and part.isascii() else (1, 0, part) for part in parts]


def classify(names: Sequence[str]) -> Classes:
    """Labels from the names of folders, by the rule that the module's docstring states."""
    parts = [PurePosixPath(composed(name)).parts for name in names]
    depth, splits = 0, ""
    while True:
        heads = {part[depth] if len(part) > depth + 1 else "" for part in parts}
        if "" in heads:
            reason = f", since images lie next to the subfolders {some(sorted(heads - {''}))}" if len(heads) > 1 else ""
            return Classes(names=(), labels={}, why=f"no classes{reason}{splits}")
        if len(heads) > 1 and {head.lower() for head in heads} <= {*WORDS}:
            splits = f"; the classes of {some(sorted(heads))} are taken together"
        elif len(heads) > 1:
            break
        depth += 1
    known = in_order(heads)
    numbers = {head: n for n, head in enumerate(known)}
    labels = {name: numbers[part[depth]] for name, part in zip(names, parts, strict=True)}
    return Classes(names=known, labels=labels, why=f"{len(known)} classes from the subfolders: {some(known)}{splits}")


def by_labels(labels: Mapping[str, int | str | None], names: Sequence[str] = ()) -> Classes:
    """Labels that are stored with the images: numbers of `names`, numbers of their own, or names. Where fewer than
    half of the images have one there are no classes."""
    known = {name: label for name, label in labels.items() if label is not None}
    if not known:
        return Classes(names=(), labels={}, why="no classes")
    if 2 * len(known) < len(labels):
        return Classes(
            names=(), labels={}, why=f"no classes: only {len(known):,} of {counted(len(labels))} have a label"
        )
    if all(isinstance(label, int) and 0 <= label < len(names) for label in known.values()):
        numbers = {name: int(label) for name, label in known.items()}
    else:
        distinct = set(known.values())
        numbered = sorted(label for label in distinct if isinstance(label, int))
        ordered = [*numbered, *in_order([label for label in distinct if isinstance(label, str)])]
        names = [str(label) for label in ordered]
        order = {label: n for n, label in enumerate(ordered)}
        numbers = {name: order[label] for name, label in known.items()}
    return Classes(names=tuple(names), labels=numbers, why=f"{len(names)} classes from the labels: {some(names)}")
