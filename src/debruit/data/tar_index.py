"""Where the members of a tar file lie, in WebDataset's layout: members of one key belong together, which is their name up to its first dot.

    key.jpg (png, webp, ...)    key.txt (caption)    key.json {"caption", "label"}    key.cls    key.mask.png (seg.png)

A tar file has no table of contents: its headers are read one after the other, each saying where the next one is. If it was cut, everything before the
cut is still there.
"""

import json
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from debruit.data.captions import TEXTS, as_texts, split_lines
from debruit.data.pixels import EXTENSIONS
from debruit.errors import InputError

TEXT_MEMBERS = ("txt", "caption", "text")
LABEL_MEMBERS = ("cls", "cls2", "class")
LABEL_KEYS = ("label", "cls", "class", "class_name")
MASK_MEMBERS = ("mask", "seg", "segmentation")
LARGEST_TEXT = 2**20  # bytes of a caption or JSON member


class Place(NamedTuple):
    """`size` bytes from `offset` of a shard."""

    offset: int
    size: int


@dataclass
class Sample:
    """The members of one key."""

    key: str
    image: Place | None = None
    mask: Place | None = None
    label: int | str | None = None
    texts: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Shard:
    """What a tar file holds, and why there is no more of it, if it is damaged."""

    samples: tuple[Sample, ...]
    damage: str = ""


def read_shard(path: Path) -> Shard:
    """Goes through the headers of a tar file once. Nothing is raised for a damaged one: what can be read is returned, and what happened."""
    samples: dict[str, Sample] = {}
    end, size, damage = 0, path.stat().st_size, ""
    if not size:
        return Shard((), "zero bytes")
    try:
        with tarfile.open(path, "r:") as tar:
            while (member := tar.next()) is not None:
                vars(tar)["members"] = []  # it would keep them all
                if member.offset_data + member.size > size:
                    damage = f"cut inside of {member.name}"
                    break
                end = member.offset_data + -(-member.size // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE
                if member.isreg():
                    _add(samples, member, tar)
        if not damage and end + tarfile.BLOCKSIZE > size:
            damage = "cut between two members, or it was never finished"
        elif not damage and any(_block(path, end)):  # tarfile takes a header that it cannot read for the end
            damage = f"damaged after {end:,} of {size:,} bytes (no header of a member is there)"
    except (tarfile.TarError, OSError, EOFError) as error:
        damage = (
            f"no tar file, or damaged ({error})"
            if not samples
            else f"damaged after {end:,} of {size:,} bytes ({error})"
        )
    return Shard(tuple(samples.values()), damage)


def _block(path: Path, offset: int) -> bytes:
    """The block there: of zeros where a tar file ends."""
    with open(path, "rb") as file:
        file.seek(offset)
        return file.read(tarfile.BLOCKSIZE)


def _add(samples: dict[str, Sample], member: tarfile.TarInfo, tar: tarfile.TarFile) -> None:
    name = member.name.removeprefix("./")
    folder, slash, base = name.rpartition("/")
    stem, _, kind = base.partition(".")
    if not stem or not kind:
        return  # hidden, or of no kind
    sample = samples.setdefault(f"{folder}{slash}{stem}", Sample(f"{folder}{slash}{stem}"))
    kind, place = kind.lower(), Place(member.offset_data, member.size)
    of, _, extension = kind.rpartition(".")
    if of in MASK_MEMBERS and f".{extension}" in EXTENSIONS:
        sample.mask = sample.mask or place
    elif f".{kind}" in EXTENSIONS:
        sample.image = sample.image or place
    elif kind in (*TEXT_MEMBERS, *LABEL_MEMBERS, "json") and member.size <= LARGEST_TEXT:
        file = tar.extractfile(member)
        assert file is not None
        _fill(sample, kind, file.read().decode("utf-8-sig", errors="replace"))


def _fill(sample: Sample, kind: str, text: str) -> None:
    if kind in TEXT_MEMBERS:
        sample.texts += split_lines(text)
    elif kind in LABEL_MEMBERS:
        sample.label = as_label(text.strip())
    else:
        try:
            facts = json.loads(text)
        except ValueError:
            return
        if isinstance(facts, dict):
            known = {str(key).lower(): value for key, value in facts.items()}
            # the caption is often written twice, into .txt and .json
            sample.texts += [t for t in _first(known, TEXTS, as_texts) or [] if t not in sample.texts]
            if sample.label is None:
                sample.label = _first(known, LABEL_KEYS, as_label)


def as_label(value: Any) -> int | str | None:
    """A number where it is one, a name, or None."""
    if isinstance(value, str):
        return int(value) if value.isdecimal() else value or None
    return value if type(value) is int and value >= 0 else None


def _first(known: dict[str, Any], keys: tuple[str, ...], read: Any) -> Any:
    return next((read(known[key]) for key in keys if key in known and read(known[key]) is not None), None)


def expanded(pattern: str) -> list[str]:
    """shards-{0000..0009}.tar -> its ten names; {a,b} likewise. InputError: a brace that does not close, a range without an end."""
    head, brace, rest = pattern.partition("{")
    if not brace:
        return [pattern]
    inside, closed, tail = rest.partition("}")
    choices = list(_choices(inside))
    if not closed or not choices:
        raise InputError(
            f"{pattern} is no pattern of shards: write a range as shards-{{0000..0009}}.tar, or names as {{a,b}}.tar"
        )
    return [head + choice + end for choice in choices for end in expanded(tail)]


def _choices(inside: str) -> Iterator[str]:
    first, dots, last = inside.partition("..")
    if not dots:
        yield from inside.split(",") if "," in inside else ()
    elif first.isdecimal() and last.isdecimal() and int(first) <= int(last) <= int(first) + 1_000_000:
        yield from (str(n).zfill(len(first)) for n in range(int(first), int(last) + 1))
