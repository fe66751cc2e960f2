"""The keys of a tar shard: which members belong together, by their names and by where they lie.

A key that occurs twice is two images, each with the members next to it. Keys whose members lie apart (all
images, then all captions) are put together if they have one image. Where several images differ only behind the first
dot (2021.01.jpg, 2021.02.jpg) their key is all of their name.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

from debruit.annotations.names import composed
from debruit.data.sources.tar_members import Member
from debruit.images.pixels import EXTENSIONS

TEXT_MEMBERS = ("txt", "caption", "text")
LABEL_MEMBERS = ("cls", "cls2", "class")
MASK_MEMBERS = ("mask", "seg", "segmentation")
IMAGE, MASK, TEXT, LABEL, JSON, OTHER = "image", "mask", "text", "label", "json", "other"
Note = tuple[str, str]  # a report, and the member or key that it is about
TOGETHER = "keys whose members lie apart, put together"
TWICE = "keys that occur more than once in a shard, each an image of its own"
DOTTED = "keys that differ only behind their first dot, each an image of its own"
APART = "not used, of which of several images of a key they are cannot be told"
FURTHER = "not used, further images of a key"


class KeyedMember(NamedTuple):
    """A member by its name: the key up to its first dot, what it is, what stands between them, and its kind."""

    short: str
    role: str
    middle: str
    kind: str
    member: Member

    @property
    def long(self) -> str:
        return f"{self.short}.{self.middle}" if self.middle else self.short


def part_of(member: Member, notes: list[Note]) -> KeyedMember | None:
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
    return KeyedMember(composed(f"{folder}{slash}{stem}"), role, ".".join(middle), kind.lower(), member)


def views_of(parts: Sequence[KeyedMember]) -> tuple[str, ...]:
    """Return the suffixes that tell the images of a key apart, if several keys share them: fields of a sample (rgb.png,
    depth.png) and no part of its key."""
    several = [of for of in _dotted(parts).values() if len(of) > 1]
    first = several[0] if several else set()
    same = len(several) > 1 and all(of == first for of in several)
    return tuple(sorted(first)) if same and not any(view.replace(".", "").isdecimal() for view in first) else ()


def _dotted(parts: Sequence[KeyedMember]) -> dict[str, set[str]]:
    """For each key without an image of its own: what stands between it and the extensions of its images."""
    plain = {part.short for part in parts if part.role == IMAGE and not part.middle}
    middles: dict[str, set[str]] = {}
    for part in parts:
        if part.role == IMAGE and part.middle and part.short not in plain:
            middles.setdefault(part.short, set()).add(part.middle)
    return middles


def keyed(parts: Sequence[KeyedMember], notes: list[Note]) -> Iterator[tuple[str, list[KeyedMember]]]:
    """The members of each sample, with its key, in the order of their first members."""
    dotted = _dotted(parts)
    several = {short for short, middles in dotted.items() if len(middles) > 1}
    notes += [(DOTTED, short) for short in several]
    keyed: list[tuple[str, KeyedMember]] = []
    for part in parts:
        if part.short in several:
            if part.middle in dotted[part.short]:
                keyed.append((part.long, part))
            else:
                notes.append((APART, part.member.name))
        elif part.middle and part.middle not in dotted.get(part.short, ()):
            notes.append((FURTHER if part.role == IMAGE else unused_kind(part), part.member.name))
        else:
            keyed.append((part.short, part))
    runs: dict[str, list[list[KeyedMember]]] = {}
    for key, of in groupby(keyed, key=lambda pair: pair[0]):
        runs.setdefault(key, []).append([part for _, part in of])
    for key, of in runs.items():
        number = 1
        for members in _occurrences(key, of, notes):
            while number > 1 and f"{key} ({number})" in runs:
                number += 1
            yield key if number == 1 else f"{key} ({number})", members
            number += 1


def _occurrences(key: str, runs: list[list[KeyedMember]], notes: list[Note]) -> Iterator[list[KeyedMember]]:
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


def _parted(run: list[KeyedMember], notes: list[Note]) -> list[list[KeyedMember]]:
    """A stretch in which a kind of member occurs twice is of several images: parted where it begins again."""
    groups: list[list[KeyedMember]] = [[]]
    for part in run:
        if any(part.kind == other.kind for other in groups[-1]):
            groups.append([])
        groups[-1].append(part)
    if len({frozenset(part.kind for part in group) for group in groups}) == 1:
        return groups
    images = [part for part in run if part.role == IMAGE]
    notes += [(APART, part.member.name) for part in run if part.role != IMAGE]
    return [[image] for image in images] or [run[:1]]


def unused_kind(part: KeyedMember) -> str:
    return f"not used, members .{part.kind}"
