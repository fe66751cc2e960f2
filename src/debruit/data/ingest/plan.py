"""The common path of folders, tables and shards: from a collection of images to a recording in one shape.

    scan the headers -> decide on one shape -> decode -> record

Channels: 3 if any image is in colour, else 1. Depth: the deepest. Size: as requested, else by `automatic_size`; images
of another size are cut to their largest central part of the same proportions, and their masks with them. Transparency
is laid on `background`, and colours of other spaces are converted to sRGB.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median_low
from typing import Self

from debruit import events
from debruit.annotations.captions import captioned
from debruit.annotations.image_classes import Classes
from debruit.annotations.mask_coding import coding
from debruit.annotations.masks import Coding, decode_mask
from debruit.data.ingest.cache import Item, Recording
from debruit.data.ingest.scan import Collection, Entry, Scan, scan
from debruit.errors import InputError
from debruit.files.parallel import mapped
from debruit.images.pixels import Target, Unreadable, decode, parse_color
from debruit.images.spec import DataSpec
from debruit.text.wording import counted, shown, some

KEPT_SIDE = 128  # images that share a size up to this one are left as they are
AUTOMATIC_SIDE = 64  # what other images become: trainable on two cores in minutes
SIDE_MULTIPLE = 8
LARGEST_SIDE = 4096


@dataclass(frozen=True, kw_only=True)
class Collected:
    """The settings of every source of images. `size`: a side, or height and width; `labelled` false: the classes of
    the data are not used; `only`: the names of the files or folders below `path` that are used, all if empty."""

    path: str
    only: tuple[str, ...] = ()
    size: int | tuple[int, ...] | None = None
    background: str = "white"
    labelled: bool = True

    def __post_init__(self):
        sides = self._sides()
        fit = sides is None or (len(sides) in (1, 2) and all(1 <= side <= LARGEST_SIDE for side in sides))
        if not fit:
            raise InputError(
                f"size {self.size} is not allowed: give a side from 1 to {LARGEST_SIDE} pixels, or height and "
                "width, for example size=64 or size=48,64"
            )
        parse_color(self.background)

    def with_conditions(self, fields: Sequence[str]) -> Self:
        """Return the source itself: it gives every condition that it has."""
        return self

    def collection(self) -> Collection:
        """List the names of the images; nothing is opened."""
        raise NotImplementedError

    def columns(self) -> tuple[str, ...]:
        """Return the columns of the source's tables that hold one text or number for an image, by which images can be
        grouped."""
        return ()

    def column(self, name: str) -> Mapping[str, str]:
        """Return the values of such a column by the names of the images."""
        raise NotImplementedError

    def settings(self) -> list:
        """Return all that the recorded pixels depend on, besides the files."""
        return [self._sides(), parse_color(self.background), self.labelled]

    def _sides(self) -> tuple[int, ...] | None:
        return (self.size,) if isinstance(self.size, int) else self.size


@dataclass(frozen=True, kw_only=True)
class Plan:
    """One shape for all images of a collection, and how their masks are read."""

    collection: Collection
    scanned: Scan
    spec: DataSpec
    target: Target
    coding: Coding | None
    notes: tuple[str, ...]

    def recording(self) -> Recording:
        return Recording(
            spec=self.spec,
            items=self.items(),
            total=len(self.scanned.images),
            origin=self.collection.origin,
            notes=self.notes,
            divisible=True,
        )

    def items(self) -> Iterator[Item]:
        """Every image that was scanned, decoded; first those that could not be."""
        yield from (Item(skipped.name, None, reason=skipped.reason) for skipped in self.scanned.unreadable)
        usable = {image.name for image in self.scanned.images}
        yield from mapped(self._item, (entry for entry in self.collection.entries() if entry.name in usable))

    def _item(self, entry: Entry) -> Item:
        label = self.scanned.classes.labels.get(entry.name) if self.spec.class_names else None
        texts = entry.texts if self.scanned.captioned else None
        try:
            image = decode(entry.image, self.target)
        except Unreadable as error:
            return Item(entry.name, None, reason=str(error))
        if self.coding is None or entry.mask is None:
            return Item(entry.name, image, label, texts, part=entry.part)
        try:
            mask = decode_mask(entry.mask, self.target, self.coding)
            return Item(entry.name, image, label, texts, mask, part=entry.part)
        except Unreadable as error:
            return Item(entry.name, None, reason=f"its mask {entry.mask_name}: {error}")


def plan(collection: Collection, source: Collected) -> Plan:
    """Scan a collection and decide on one shape. InputError: no readable image, or masks that cannot be understood."""
    events.say(f"reading {counted(collection.count)} in {collection.origin}")
    scanned = scan(collection)
    if not source.labelled:
        scanned = replace(
            scanned,
            classes=Classes(names=(), labels={}, why="no classes: they are not taken as labels, as requested"),
        )
    background = parse_color(source.background)
    sides = source._sides() or automatic_size(scanned)
    tinted = len(set(background)) > 1 and any(image.alpha for image in scanned.images)
    target = Target(
        height=sides[0],
        width=sides[-1],
        channels=3 if tinted else scanned.channels,
        depth=scanned.depth,
        background=background,
    )
    code, of_masks = (
        (None, ()) if scanned.tones is None else coding(scanned.tones, collection.legend, collection.origin)
    )
    spec = DataSpec(
        name=collection.name,
        channels=target.channels,
        height=target.height,
        width=target.width,
        depth=target.depth,
        low=0,
        high=1,
        count=len(scanned.images),
        class_names=scanned.classes.names,
        class_ids=scanned.classes.ids,
        mask_names=code.names if code else (),
        palette=code.palette if code else (),
        mask_numbers=code.numbers if code else None,
        lettered=bool(scanned.classes.names),
    )
    notes = (*_notes(scanned, target, source.background), *of_masks, *_of_masks(scanned), *collection.notes)
    return Plan(collection=collection, scanned=scanned, spec=spec, target=target, coding=code, notes=notes)


def _notes(scanned: Scan, target: Target, background: str) -> Iterator[str]:
    yield scanned.classes.why
    yield from filter(None, (size_note(scanned, target), _mixture_note(scanned, target)))
    if count := sum(image.alpha for image in scanned.images):
        yield f"transparency in {counted(count)}: laid on {background}"
    if count := sum(image.animated for image in scanned.images):
        yield f"several frames or pages in {counted(count)}: the first is used"
    yield from _of_colours(scanned)
    yield from filter(None, [captioned(scanned.captioned, len(scanned.images))])


def _of_colours(scanned: Scan) -> Iterator[str]:
    stated = [(image.name, image.profile) for image in scanned.images if image.profile is not None]
    names = Counter(profile.name for _, profile in stated if not profile.problem)
    if names:
        listed = some(f"{name} ({count:,})" for name, count in names.most_common())
        yield f"colour profiles in {counted(names.total())}, whose colours were converted to sRGB: {listed}"
    if broken := [f"{shown(name)} ({profile.problem})" for name, profile in stated if profile.problem]:
        listed = some(broken, 3)
        yield f"colour profiles that cannot be used in {counted(len(broken))}, which are taken for sRGB: {listed}"


def _of_masks(scanned: Scan) -> Iterator[str]:
    if scanned.tones is not None and scanned.tones.other_sizes:
        yield f"masks of another size than their image: {scanned.tones.other_sizes:,}, resized by nearest"
    if scanned.tones is not None and scanned.tones.transparent:
        masks = counted(scanned.tones.transparent, "mask")
        yield f"transparency in {masks} is ignored: transparent pixels have the class of their colour"
    if scanned.tones is not None and scanned.tones.profiled:
        masks = counted(scanned.tones.profiled, "mask")
        yield f"colour profiles in {masks} are ignored: colours and numbers of masks are codes"


def automatic_size(scanned: Scan) -> tuple[int, int]:
    """The common size of the images if they share one and its longer side is at most 128; else a square whose side is
    their median shorter side, at most 64, in multiples of 8."""
    sizes = scanned.sizes()
    shared = next(iter(sizes))
    if len(sizes) == 1 and max(shared) <= KEPT_SIDE:
        return shared
    side = min(AUTOMATIC_SIDE, median_low(min(image.height, image.width) for image in scanned.images))
    side = side // SIDE_MULTIPLE * SIDE_MULTIPLE or side
    return side, side


def size_note(scanned: Scan, target: Target) -> str:
    """Return a sentence on how the scanned sizes become the one that is used, or "" if all fit."""
    sizes = scanned.sizes()
    if set(sizes) == {(target.height, target.width)}:
        return ""
    small, large = min(sizes, key=lambda s: s[0] * s[1]), max(sizes, key=lambda s: s[0] * s[1])
    span = _size(large) if len(sizes) == 1 else f"{_size(small)} to {_size(large)}"
    return (
        f"images of {span} pixels (width x height): their central part becomes {_size((target.height, target.width))}"
    )


def _size(size: tuple[int, int]) -> str:
    return f"{size[1]:,} x {size[0]:,}"


def _mixture_note(scanned: Scan, target: Target) -> str:
    kinds = []
    if len({image.channels for image in scanned.images}) > 1:
        kinds.append("grey and colour images: all become colour")
    if len({image.depth for image in scanned.images}) > 1:
        kinds.append(f"images of different depths: all become {target.depth}")
    return "; ".join(kinds)
