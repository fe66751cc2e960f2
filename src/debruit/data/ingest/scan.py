"""The contents of a source of images, from headers alone: no image is decoded. Masks are, since their values tell
the classes.

A `Collection` is common to folders, tables and shards: a series of entries that can be iterated several times.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from debruit.annotations.image_classes import Classes, classify
from debruit.annotations.mask_classes import Legend
from debruit.annotations.masks import Tones, tones
from debruit.data.ingest.cache import none_readable
from debruit.files.blobs import Openable
from debruit.files.parallel import mapped, tracked
from debruit.images.pixels import DEPTHS, Header, Unreadable, read_header
from debruit.images.spec import Skipped


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One image with its mask, label and captions. `lacks`: the reason why it cannot be used, known before anything is
    opened; `part`: its part of a custom split, by its table (custom_split.py)."""

    name: str
    image: Openable
    mask: Openable | None = None
    mask_name: str = ""
    label: int | str | None = None
    texts: tuple[str, ...] = ()
    lacks: str = ""
    part: int | None = None


def by_folder(labels: Mapping[str, int | str | None]) -> Classes:
    """Classes from the names alone."""
    return classify(list(labels))


@dataclass(frozen=True, kw_only=True)
class Collection:
    """`entries()` goes through all of them, in the same order every time. `masked`: each is to have a mask. `lost`:
    what is known to be lost or left over; `classes` finds them from the labels by name; `others`: how many other
    files there are by extension."""

    origin: str
    name: str
    count: int
    entries: Callable[[], Iterator[Entry]]
    classes: Callable[[Mapping[str, int | str | None]], Classes] = by_folder
    masked: bool = False
    legend: Legend = field(default_factory=Legend)
    lost: tuple[Skipped, ...] = ()
    notes: tuple[str, ...] = ()
    others: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, kw_only=True)
class Scan:
    """A source's images by their headers; how many of them have captions; what their masks hold."""

    path: str
    images: tuple[Header, ...]
    unreadable: tuple[Skipped, ...]
    others: tuple[tuple[str, int], ...]
    classes: Classes
    captioned: int = 0
    tones: Tones | None = None

    @property
    def channels(self) -> int:
        """3 if any image is in colour, else 1."""
        return max(image.channels for image in self.images)

    @property
    def depth(self) -> str:
        """The deepest of all images."""
        return max((image.depth for image in self.images), key=DEPTHS.index)

    def sizes(self) -> Counter[tuple[int, int]]:
        """How many images are (height, width)."""
        return Counter((image.height, image.width) for image in self.images)


def scan(collection: Collection) -> Scan:
    """Read every header, and every mask. InputError when none can be read."""
    images: list[Header] = []
    unreadable: list[Skipped] = []
    labels: dict[str, int | str | None] = {}
    all_tones, captioned = Tones(), 0
    for seen in tracked(mapped(_look, collection.entries()), "scanning", collection.count):
        if seen.header is None:
            unreadable.append(Skipped(seen.entry, seen.reason))
            continue
        images.append(seen.header)
        labels[seen.entry] = seen.label
        captioned += seen.captioned
        if seen.tones is not None:
            all_tones.add(seen.tones)
    unreadable += collection.lost
    if not images:
        raise none_readable(collection.origin, unreadable)
    classes = collection.classes(labels)
    if lacking := [name for name in labels if name not in classes.labels] if classes.names else []:
        unreadable += [Skipped(name, "no label, and the other images have one") for name in lacking]
        images = [image for image in images if image.name in classes.labels]
    return Scan(
        path=collection.origin,
        images=tuple(images),
        unreadable=tuple(unreadable),
        others=collection.others,
        classes=classes,
        captioned=captioned,
        tones=all_tones if collection.masked else None,
    )


class _Seen(NamedTuple):
    """The facts that remain of an entry after its scan, without pixels."""

    entry: str
    label: int | str | None
    captioned: bool
    header: Header | None = None
    tones: Tones | None = None
    reason: str = ""


def _look(entry: Entry) -> _Seen:
    seen = _Seen(entry.name, entry.label, bool(entry.texts))
    if entry.lacks:
        return seen._replace(reason=entry.lacks)
    try:
        header = read_header(entry.image, name=entry.name)
    except Unreadable as error:
        return seen._replace(reason=str(error))
    if entry.mask is None:
        return seen._replace(header=header)
    try:
        return seen._replace(header=header, tones=tones(entry.mask, header.height, header.width))
    except Unreadable as error:
        return seen._replace(reason=f"its mask {entry.mask_name}: {error}")
