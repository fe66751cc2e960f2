"""The samples of a tar shard, in WebDataset's layout: members with the same key, their name up to its first dot,
belong together.

    key.jpg (png, webp, ...)    key.txt (caption)    key.json {"caption", "label"}    key.cls    key.mask.png (seg.png)

Keys that occur twice and members that lie apart are in tar_keys.py. Unused members and decisions about keys are
reported (`Shard.notes`).
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from debruit.annotations.annotations import are_numbers
from debruit.annotations.caption_tables import as_texts
from debruit.annotations.captions import split_lines
from debruit.annotations.custom_split import COLUMNS, part_of_cells
from debruit.annotations.labels import read_label
from debruit.annotations.names import composed
from debruit.annotations.tables import TEXTS
from debruit.data.sources.tar_keys import (
    FURTHER,
    IMAGE,
    LABEL,
    MASK,
    OTHER,
    TEXT,
    KeyedMember,
    Note,
    keyed,
    part_of,
    unused_kind,
    views_of,
)
from debruit.data.sources.tar_members import Span, read_members
from debruit.text.encodings import decoded

LABEL_KEYS = ("label", "cls", "class", "class_name")
LARGEST_TEXT = 2**20  # bytes of a caption or JSON member


@dataclass
class Sample:
    """The members of one key; `part`: its part of a custom split, by its JSON (custom_split.py); `cells`: the other
    values of its JSON, if requested."""

    key: str
    image: Span | None = None
    mask: Span | None = None
    label: int | str | None = None
    texts: list[str] = field(default_factory=list)
    part: int | None = None
    cells: dict[str, str] | None = None


@dataclass(frozen=True)
class Shard:
    """The samples of a tar file, its damage if there is any, and notes on it. `views`: the kinds of images of which
    every key has several."""

    samples: tuple[Sample, ...]
    damage: str = ""
    notes: tuple[Note, ...] = ()
    views: tuple[str, ...] = ()


def read_shard(path: Path, *, cells: bool = False) -> Shard:
    """Read the headers of a tar file once. A damaged file raises nothing: its readable samples are returned, with a
    description of the damage."""
    contents = read_members(path)
    notes = [(f"not used, {reason}", name) for name, reason in contents.passed]
    if contents.archives > 1:
        notes.append((f"several tar files in one, all of which are read ({contents.archives})", path.name))
    parts = [part for member in contents.members if (part := part_of(member, notes))]
    views = views_of(parts)
    if not parts:
        return Shard((), contents.damage, tuple(notes))
    with open(path, "rb") as file:
        samples = tuple(_sample(key, of, file, notes, cells) for key, of in keyed(parts, notes))
    return Shard(samples, contents.damage, tuple(notes), views)


def _sample(key: str, parts: Sequence[KeyedMember], file: BinaryIO, notes: list[Note], cells: bool) -> Sample:
    sample = Sample(key, cells={} if cells else None)
    for part in parts:
        span, name = part.member.span, part.member.name
        if part.role == MASK and sample.mask is None:
            sample.mask = span
        elif part.role == IMAGE and sample.image is None:
            sample.image = span
        elif part.role in (IMAGE, MASK):
            notes.append((FURTHER if part.role == IMAGE else "not used, further masks of a key", name))
        elif part.role == OTHER:
            notes.append((unused_kind(part), name))
        elif span.size > LARGEST_TEXT:
            notes.append((f"not used, texts of more than {LARGEST_TEXT // 2**20} MB", name))
        else:
            file.seek(span.offset)
            text = decoded(file.read(span.size))
            if text is None:
                notes.append(("not used, no UTF-8 text", name))
            elif problem := _fill(sample, part.role, text):
                notes.append((problem, name))
    return sample


def _fill(sample: Sample, role: str, text: str) -> str:
    """Add the content of a member; return what is wrong with it, or ""."""
    if role == TEXT:
        if are_numbers(text):
            return "boxes or numbers, no captions"
        sample.texts += [caption for caption in split_lines(text) if caption not in sample.texts]
        return "" if text.strip() else "empty, no caption"
    if role == LABEL:
        read = read_label(text)
        differs = None not in (sample.label, read.label) and sample.label != read.label
        sample.label = read.label if read.label is not None else sample.label
        return read.problem or ("labels in .cls and .json differ, that of .cls is taken" if differs else "")
    try:
        facts = json.loads(text)
    except (ValueError, RecursionError):
        return "not used, damaged JSON"
    if not isinstance(facts, dict):
        return "not used, JSON that is no object"
    return _fill_from(sample, {str(key).strip().lower(): value for key, value in facts.items()})


def _fill_from(sample: Sample, facts: Mapping[str, Any]) -> str:
    # the caption is often written twice, into .txt and .json
    text = next((key for key in TEXTS if as_texts(facts.get(key))), None)
    sample.texts += [caption for caption in as_texts(facts.get(text)) if caption not in sample.texts] if text else []
    of_label = next((key for key in LABEL_KEYS if facts.get(key) is not None), None)
    read = read_label(facts.get(of_label)) if of_label else read_label(None)
    differs = sample.label is not None and read.label is not None and sample.label != read.label
    sample.label = read.label if sample.label is None else sample.label
    sample.part = part_of_cells({key: str(facts[key]) for key in COLUMNS if facts.get(key)})
    cells = {} if sample.cells is None else sample.cells
    for key, value in facts.items() if sample.cells is not None else ():
        if key not in (text, of_label) and isinstance(value, str | int | float) and str(value).strip():
            cells[key] = composed(str(value).strip())
    if odd := [key for key in TEXTS if facts.get(key) and text is None]:
        return f"captions in .json that are neither a text nor a list of texts ({odd[0]})"
    if differs:
        return "labels in .cls and .json differ, that of .cls is taken"
    return f"labels in .json that cannot be read ({read.problem})" if read.problem else ""
