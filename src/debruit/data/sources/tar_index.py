"""The samples of a tar shard, in WebDataset's layout: members with the same key, their name up to its first dot,
belong together.

    key.jpg (png, webp, ...)    key.txt (caption)    key.json {"caption", "label"}    key.cls    key.mask.png (seg.png)

A key that occurs twice is two images, each with the members next to it. Keys whose members lie apart (all
images, then all captions) are put together if they have one image. Where several images differ only behind the first
dot (2021.01.jpg, 2021.02.jpg) their key is all of their name. Unused members and decisions about keys are
reported (`Shard.notes`).
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from debruit.annotations.annotations import are_numbers
from debruit.annotations.captions import as_texts, split_lines
from debruit.annotations.custom_split import COLUMNS, part_of_cells
from debruit.annotations.labels import read_label
from debruit.annotations.names import composed
from debruit.annotations.tables import TEXTS
from debruit.data.sources.tar_members import Member, Span, read_members
from debruit.images.pixels import EXTENSIONS
from debruit.text.encodings import decoded

TEXT_MEMBERS = ("txt", "caption", "text")
LABEL_MEMBERS = ("cls", "cls2", "class")
LABEL_KEYS = ("label", "cls", "class", "class_name")
MASK_MEMBERS = ("mask", "seg", "segmentation")
LARGEST_TEXT = 2**20  # bytes of a caption or JSON member
IMAGE, MASK, TEXT, LABEL, JSON, OTHER = "image", "mask", "text", "label", "json", "other"

Note = tuple[str, str]  # a report, and the member or key that it is about
TOGETHER = "keys whose members lie apart, put together"
TWICE = "keys that occur more than once in a shard, each an image of its own"
DOTTED = "keys that differ only behind their first dot, each an image of its own"
APART = "not used, of which of several images of a key they are cannot be told"
FURTHER = "not used, further images of a key"


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


class Part(NamedTuple):
    """A member by its name: the key up to its first dot, what it is, what stands between them, and its kind."""

    short: str
    role: str
    middle: str
    kind: str
    member: Member

    @property
    def long(self) -> str:
        return f"{self.short}.{self.middle}" if self.middle else self.short


def read_shard(path: Path, *, cells: bool = False) -> Shard:
    """Read the headers of a tar file once. A damaged file raises nothing: its readable samples are returned, with a
    description of the damage."""
    contents = read_members(path)
    notes = [(f"not used, {reason}", name) for name, reason in contents.passed]
    if contents.archives > 1:
        notes.append((f"several tar files in one, all of which are read ({contents.archives})", path.name))
    parts = [part for member in contents.members if (part := _part(member, notes))]
    views = _views(parts)
    if not parts:
        return Shard((), contents.damage, tuple(notes))
    with open(path, "rb") as file:
        samples = tuple(_sample(key, of, file, notes, cells) for key, of in _keyed(parts, notes))
    return Shard(samples, contents.damage, tuple(notes), views)


def _part(member: Member, notes: list[Note]) -> Part | None:
    folder, slash, base = member.name.rpartition("/")
    stem, _, kind = base.partition(".")
    if not kind:
        notes.append(("not used, members without an extension", member.name))
        return None
    *middle, last = kind.split(".")
    known = last.lower()
    if f".{known}" in EXTENSIONS:
        role = IMAGE
        if middle and middle[-1].lower() in MASK_MEMBERS:
            role, middle = MASK, middle[:-1]
    else:
        role = (
            TEXT if known in TEXT_MEMBERS else LABEL if known in LABEL_MEMBERS else JSON if known == "json" else OTHER
        )
    return Part(composed(f"{folder}{slash}{stem}"), role, ".".join(middle), kind.lower(), member)


def _views(parts: Sequence[Part]) -> tuple[str, ...]:
    """Return the suffixes that tell the images of a key apart, if several keys share them: fields of a sample (rgb.png,
    depth.png) and no part of its key."""
    several = [of for of in _dotted(parts).values() if len(of) > 1]
    first = several[0] if several else set()
    same = len(several) > 1 and all(of == first for of in several)
    return tuple(sorted(first)) if same and not any(view.replace(".", "").isdecimal() for view in first) else ()


def _dotted(parts: Sequence[Part]) -> dict[str, set[str]]:
    """For each key without an image of its own: what stands between it and the extensions of its images."""
    plain = {part.short for part in parts if part.role == IMAGE and not part.middle}
    middles: dict[str, set[str]] = {}
    for part in parts:
        if part.role == IMAGE and part.middle and part.short not in plain:
            middles.setdefault(part.short, set()).add(part.middle)
    return middles


def _keyed(parts: Sequence[Part], notes: list[Note]) -> Iterator[tuple[str, list[Part]]]:
    """The members of each sample, with its key, in the order of their first members."""
    dotted = _dotted(parts)
    several = {short for short, middles in dotted.items() if len(middles) > 1}
    notes += [(DOTTED, short) for short in several]
    keyed: list[tuple[str, Part]] = []
    for part in parts:
        if part.short in several:
            if part.middle in dotted[part.short]:
                keyed.append((part.long, part))
            else:
                notes.append((APART, part.member.name))
        elif part.middle and part.middle not in dotted.get(part.short, ()):
            notes.append((FURTHER if part.role == IMAGE else _unused_kind(part), part.member.name))
        else:
            keyed.append((part.short, part))
    runs: dict[str, list[list[Part]]] = {}
    for key, of in groupby(keyed, key=lambda pair: pair[0]):
        runs.setdefault(key, []).append([part for _, part in of])
    for key, of in runs.items():
        number = 1
        for members in _occurrences(key, of, notes):
            while number > 1 and f"{key} ({number})" in runs:
                number += 1
            yield key if number == 1 else f"{key} ({number})", members
            number += 1


def _occurrences(key: str, runs: list[list[Part]], notes: list[Note]) -> Iterator[list[Part]]:
    """The members of each image of a key, from the stretches of the shard in which they lie together."""
    with_image = [run for run in runs if any(part.role == IMAGE for part in run)]
    if len(runs) > 1 and len(with_image) <= 1:
        notes.append((TOGETHER, key))
        runs = with_image = [[part for run in runs for part in run]]
    if len(with_image) > 1:
        notes += [(APART, part.member.name) for run in runs if run not in with_image for part in run]
        runs = with_image
    groups = [group for run in runs for group in _parted(run, notes)]
    if len(groups) > 1:
        notes.append((TWICE, key))
    yield from groups


def _parted(run: list[Part], notes: list[Note]) -> list[list[Part]]:
    """A stretch in which a kind of member occurs twice is of several images: parted where it begins again."""
    groups: list[list[Part]] = [[]]
    for part in run:
        if any(part.kind == other.kind for other in groups[-1]):
            groups.append([])
        groups[-1].append(part)
    if len({frozenset(part.kind for part in group) for group in groups}) == 1:
        return groups
    images = [part for part in run if part.role == IMAGE]
    notes += [(APART, part.member.name) for part in run if part.role != IMAGE]
    return [[image] for image in images] or [run[:1]]


def _sample(key: str, parts: Sequence[Part], file: BinaryIO, notes: list[Note], cells: bool) -> Sample:
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
            notes.append((_unused_kind(part), name))
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


def _unused_kind(part: Part) -> str:
    return f"not used, members .{part.kind}"


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
