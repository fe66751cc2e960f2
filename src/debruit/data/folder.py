"""A folder of images as a data set: any nesting, any mixture of sizes, formats and depths.

    list names -> content key -> (in the cache: map it) or (survey the headers -> decide on one shape -> decode ->
    record)

Channels: 3 if any image is in colour, else 1. Depth: the deepest. Size: as asked, else as `automatic_size` says;
images of another size are cut to their largest central part of the same proportions. Transparency is laid on
`background`.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median_low
from typing import ClassVar

from debruit.data.cache import Item, Recording, stored
from debruit.data.dataset import Dataset, DataSpec, quiet
from debruit.data.keys import content_key
from debruit.data.parallel import mapped
from debruit.data.pixels import Header, Target, Unreadable, decode, parse_color, patient
from debruit.data.survey import Listing, Survey, ignored, list_images, survey
from debruit.data.wording import counted
from debruit.errors import InputError

KEPT_SIDE = 128  # images that share a size up to this one are left as they are
AUTOMATIC_SIDE = 64  # what other images become: trainable on two cores in minutes
SIDE_MULTIPLE = 8
LARGEST_SIDE = 4096


@dataclass(frozen=True, kw_only=True)
class Folder:
    """Images in a folder of yours; its subfolders are the classes, unless `labelled` is false. `size`: a side, or
    height and width."""

    path: str
    size: int | tuple[int, ...] | None = None
    background: str = "white"
    labelled: bool = True
    name: ClassVar[str] = "folder"

    def __post_init__(self):
        sides = self._sides()
        fit = sides is None or (len(sides) in (1, 2) and all(1 <= side <= LARGEST_SIDE for side in sides))
        if not fit:
            raise InputError(
                f"size {self.size} is not allowed: give a side from 1 to {LARGEST_SIDE} pixels, or height and "
                "width, for example size=64 or size=48,64"
            )
        parse_color(self.background)

    def build(self, report: Callable[[str], None] = quiet) -> Dataset:
        """Maps the folder's images, decoding them first if their content is not in the cache."""
        listing = list_images(self.path)
        settings = [self.name, self._sides(), parse_color(self.background), self.labelled]
        key = content_key(Path(self.path), listing.files, settings)
        with patient():
            return stored(key, lambda: self._recording(listing, report), report)

    def _sides(self) -> tuple[int, ...] | None:
        return (self.size,) if isinstance(self.size, int) else self.size

    def _recording(self, listing: Listing, report: Callable[[str], None]) -> Recording:
        report(f"reading {counted(len(listing.files))} in {self.path}")
        found = survey(self.path, listing=listing)
        background = parse_color(self.background)
        sides = self._sides() or automatic_size(found)
        tinted = len(set(background)) > 1 and any(image.alpha for image in found.images)
        target = Target(
            height=sides[0],
            width=sides[-1],
            channels=3 if tinted else found.channels,
            depth=found.depth,
            background=background,
        )
        classes = found.classes.names if self.labelled else ()
        spec = DataSpec(
            name=Path(self.path).absolute().name,
            channels=target.channels,
            height=target.height,
            width=target.width,
            depth=target.depth,
            low=0,
            high=1,
            count=len(found.images),
            class_names=classes,
            lettered=bool(classes),
        )
        return Recording(
            spec=spec,
            items=self._items(found, target),
            total=len(found.images),
            origin=self.path,
            notes=tuple(self._notes(found, target)),
        )

    def _items(self, found: Survey, target: Target) -> Iterator[Item]:
        def item(image: Header) -> Item:
            label = found.classes.labels.get(image.name) if self.labelled else None
            try:
                return Item(image.name, decode(Path(self.path) / image.name, target), label=label)
            except Unreadable as error:
                return Item(image.name, None, reason=str(error))

        yield from (Item(skipped.name, None, reason=skipped.reason) for skipped in found.unreadable)
        yield from mapped(item, found.images)

    def _notes(self, found: Survey, target: Target) -> Iterator[str]:
        yield found.classes.why if self.labelled else "no classes: the subfolders are not taken as labels, as asked"
        yield from filter(None, (size_note(found, target), _mixture_note(found, target), ignored(found.others)))
        if count := sum(image.alpha for image in found.images):
            yield f"transparency in {counted(count)}: laid on {self.background}"
        if count := sum(image.animated for image in found.images):
            yield f"several frames or pages in {counted(count)}: the first is used"


def automatic_size(found: Survey) -> tuple[int, int]:
    """The common size of the images if they share one and its longer side is at most 128; else a square whose side is
    their median shorter side, at most 64, in multiples of 8."""
    sizes = found.sizes()
    shared = next(iter(sizes))
    if len(sizes) == 1 and max(shared) <= KEPT_SIDE:
        return shared
    side = min(AUTOMATIC_SIDE, median_low(min(image.height, image.width) for image in found.images))
    side = side // SIDE_MULTIPLE * SIDE_MULTIPLE or side
    return side, side


def size_note(found: Survey, target: Target) -> str:
    """How the sizes that were found became the one that is used, or nothing when all fit."""
    sizes = found.sizes()
    if set(sizes) == {(target.height, target.width)}:
        return ""
    small, large = min(sizes, key=lambda s: s[0] * s[1]), max(sizes, key=lambda s: s[0] * s[1])
    span = _size(large) if len(sizes) == 1 else f"{_size(small)} to {_size(large)}"
    return (
        f"images of {span} pixels (width x height): their central part becomes {_size((target.height, target.width))}"
    )


def _size(size: tuple[int, int]) -> str:
    return f"{size[1]:,} x {size[0]:,}"


def _mixture_note(found: Survey, target: Target) -> str:
    kinds = []
    if len({image.channels for image in found.images}) > 1:
        kinds.append("grey and colour images: all become colour")
    if len({image.depth for image in found.images}) > 1:
        kinds.append(f"images of different depths: all become {target.depth}")
    return "; ".join(kinds)
