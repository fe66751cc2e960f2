"""Emoji of ten open sets: the same things by many hands, with captions that name the style and the colour.

The drawings are SVG in npm packages (packages.py). Things are brought together by code points (names.py); drawings that
one hue dominates are recoloured too (recolour.py), and a part of all is held out for good (held_out.py).
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
from PIL import Image

from debruit import events
from debruit.annotations.custom_split import TEST, TRAINING
from debruit.data.dataset import Dataset
from debruit.data.ingest.cache import Item, Recording, recorded, stored
from debruit.data.sources.drawings import colour_words
from debruit.data.sources.drawings import masks as drawing_masks
from debruit.data.sources.drawings.raster import on_background, rasterised, visible
from debruit.data.sources.emoji import recolour
from debruit.data.sources.emoji.captions import PHRASES, captions
from debruit.data.sources.emoji.captions import VERSION as CAPTIONS
from debruit.data.sources.emoji.choice import VERSION as CHOICE
from debruit.data.sources.emoji.choice import new_colours
from debruit.data.sources.emoji.collection import Collection, collected
from debruit.data.sources.emoji.drawings import Picture
from debruit.data.sources.emoji.held_out import KINDS, held_out
from debruit.data.sources.emoji.npm import obtain
from debruit.data.sources.emoji.packages import NAMES, STYLES, style_name
from debruit.data.sources.emoji.part import items_of
from debruit.data.sources.emoji.table import ItemTable
from debruit.data.sources.install import install_packages, require
from debruit.data.sources.openmoji.names import check_languages
from debruit.errors import InputError, unknown
from debruit.files.keys import make_key, source_folder
from debruit.files.parallel import mapped
from debruit.images.pixels import parse_color
from debruit.images.spec import DataSpec
from debruit.text.wording import counted

LARGEST_SIDE = 1024
JUDGED_SIDE = 64  # pixels at which the colour of a drawing is judged, whatever its size
RECOLOURED = 0.9  # recoloured drawings for each drawing, about


class Variant(NamedTuple):
    """A drawing as it is, with the colour that dominates it (`own`), or in another colour; which part of the held-out
    ones it is of, and its raster of JUDGED_SIDE."""

    item: str
    svg: str
    colour: str
    own: str
    kind: str
    judged: Image.Image


@dataclass(frozen=True, kw_only=True)
class Emoji:
    """Emoji of ten sets, any size: captions with style and colour in English and French, styles as labels, masks of 11
    colours; emoji/STYLE for one set, emoji/unseen-things, -pairs and -colours for what is held out."""

    size: int = 64
    styles: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()
    folder: str | None = None
    masks: bool = False
    languages: tuple[str, ...] = ("en", "fr")
    background: str = "white"
    colours: bool = True
    name: ClassVar[str] = "emoji"
    default_conditions: ClassVar[tuple[str, ...]] = ("text", "mask")
    python_packages: ClassVar[tuple[str, ...]] = ("emoji", "resvg-py")

    def __post_init__(self):
        if not 1 <= self.size <= LARGEST_SIDE:
            raise InputError(f"size {self.size} is not allowed: emoji are drawn at 1 to {LARGEST_SIDE} pixels")
        for style in self.styles:
            if style_name(style) not in NAMES:
                raise unknown("style of emoji", style, NAMES)
        for part in self.parts:
            if part not in KINDS:
                raise unknown("part of emoji", part, KINDS)
        parse_color(self.background)
        check_languages(self.languages)

    @classmethod
    def part(cls, text: str) -> Self:
        """emoji/STYLE: one set; emoji/unseen-things, unseen-pairs, unseen-colours: what no training sees."""
        if text in KINDS:
            return cls(parts=(text,))
        if style_name(text) not in NAMES:
            raise unknown("part of emoji", text, (*NAMES, *KINDS))
        return cls(styles=(style_name(text),))

    def with_conditions(self, fields: Sequence[str]) -> Self:
        """Return the source with all that these conditions need: "mask" turns the masks on."""
        return replace(self, masks=self.masks or "mask" in fields)

    def build(self) -> Dataset:
        """Map the drawings, rasterising them the first time. A part is read from the data of all styles where it is in
        the cache."""
        versions = require(self.name, self.python_packages)
        collection = self._collection()
        collection.report()
        dataset = stored(self._key(collection, versions), lambda: self._recording(collection, self._whole(versions)))
        return dataset.with_tables(ItemTable(dataset.paths))

    def _whole(self, versions: Sequence[str]) -> Dataset | None:
        """The data of all styles, of which this is a part, if it is in the cache; with masks if need be."""
        everything = replace(self, styles=(), parts=())
        sources = [source for source in (everything, replace(everything, masks=True)) if source != self]
        keys = [source._key(source._collection(), versions) for source in sources]
        return next((dataset for key in dict.fromkeys(keys) if (dataset := recorded(key))), None)

    def _key(self, collection: Collection, versions: Sequence[str]) -> str:
        settings: list[Any] = [self.size, list(self._chosen()), sorted(self.parts), list(self.languages), self.colours]
        settings += [parse_color(self.background), recolour.VERSION, colour_words.VERSION, CAPTIONS, CHOICE]
        settings += [["masks", drawing_masks.VERSION]] if self.masks else []
        return make_key(self.name, versions, list(collection.digests.values()), settings)

    def check(self) -> str:
        """Return a description of the data. InputError: a package is missing or damaged."""
        require(self.name, self.python_packages)
        collection = self._collection()
        if collection.problem:
            usable = len(collection.paths)
            rest = f"; the other {usable} of {len(STYLES)} sets can be used" if usable else ""
            raise InputError(
                f"{collection.problem}: run `debruit data get {self.name}`, which needs npm, or set `folder` to one "
                f"that holds all{rest}"
            )
        drawings = collection.content().drawings
        counts = Counter(drawing.style for drawing in drawings)
        return (
            f"{len(drawings):,} drawings of {len({drawing.thing for drawing in drawings}):,} things in {len(counts)} "
            f"sets ({', '.join(f'{style} {count:,}' for style, count in counts.items())}), in {self._folder()}"
        )

    def obtain(self) -> None:
        """Install the names and the rasteriser, and fetch the packages that are missing, by npm."""
        install_packages(self.python_packages)
        collection = self._collection()
        obtain((*collection.missing, *collection.damaged), self._folder())

    def _chosen(self) -> tuple[str, ...]:
        requested = {style_name(style) for style in self.styles or NAMES}
        return tuple(name for name in NAMES if name in requested)

    def _folder(self) -> Path:
        return Path(self.folder) if self.folder else source_folder(self.name)

    def _collection(self) -> Collection:
        return collected(self._folder(), self._chosen())

    def _recording(self, collection: Collection, whole: Dataset | None) -> Recording:
        """The drawings of these packages, taken from the `whole` data if it is there."""
        drawings, notes, licences = collection.content()
        present = tuple(style.name for style in collection.paths)
        classes = present if len(present) > 1 else ()
        spec = DataSpec(
            name=self.name,
            channels=3,
            height=self.size,
            width=self.size,
            depth="uint8",
            low=0,
            high=255,
            count=len(drawings),
            class_names=tuple(name.replace("-", " ") for name in classes),
            class_phrases=PHRASES,
            mask_names=colour_words.NAMES if self.masks else (),
            palette=colour_words.PALETTE if self.masks else (),
            lettered=True,
            licences=licences,
        )
        total = int(len(drawings) * (1 + RECOLOURED * self.colours)) if not self.parts else len(drawings) // 10
        if whole is None:
            events.say(f"drawing {len(drawings):,} emoji of {len(present)} sets at {self.size} x {self.size}")
            items = self._all_items(drawings, classes)
        else:
            items = items_of(whole, present, self.parts, classes, masks=self.masks)
        return Recording(spec=spec, items=items, total=total, origin=self.name, notes=notes, divisible=True)

    def _all_items(self, drawings: Sequence[Picture], classes: tuple[str, ...]) -> Iterator[Item]:
        failed: list[str] = []
        yield from chain.from_iterable(mapped(lambda drawing: self._items(drawing, classes, failed), drawings))
        if failed:
            events.say(f"{counted(len(failed), 'recoloured drawing')} left out that did not get the colour asked for")

    def _items(self, drawing: Picture, classes: tuple[str, ...], failed: list[str]) -> list[Item]:
        """A drawing, and, if one hue dominates it, itself in other colours."""
        try:
            variants = [one for one in self._variants(drawing, failed) if self._requested(one.kind)]
            return [self._item(drawing, one, classes) for one in variants]
        except ValueError as error:  # resvg's only one
            return [Item(drawing.item, None, reason=str(error))]

    def _variants(self, drawing: Picture, failed: list[str]) -> Iterator[Variant]:
        judged = rasterised(drawing.svg, JUDGED_SIDE)
        pixels = np.asarray(judged)
        if not visible(pixels, self.background):
            raise ValueError(f"nothing of it is visible on {self.background}")
        own = recolour.dominant(pixels)
        word = own.word if own else ""
        yield Variant(drawing.item, drawing.svg, "", word, held_out(drawing.thing, drawing.style, word), judged)
        if own is None or not self.colours:
            return
        for new in new_colours(drawing, own.word):
            kind = held_out(drawing.thing, drawing.style, new)
            if not self._requested(kind):
                continue
            svg = recolour.recoloured(drawing.svg, own, new)
            judged = rasterised(svg, JUDGED_SIDE)
            item = f"{drawing.item}@{new}"
            if recolour.is_of_colour(np.asarray(judged), pixels, new):
                yield Variant(item, svg, new, "", kind, judged)
            else:
                failed.append(item)

    def _requested(self, kind: str) -> bool:
        return not self.parts or kind in self.parts

    def _item(self, drawing: Picture, variant: Variant, classes: tuple[str, ...]) -> Item:
        raster = variant.judged if self.size == JUDGED_SIDE else rasterised(variant.svg, self.size)
        image = on_background(raster, self.background).transpose(2, 0, 1)
        return Item(
            variant.item,
            image,
            classes.index(drawing.style) if classes else None,
            captions(
                drawing,
                drawing.style.replace("-", " "),
                variant.colour,
                variant.own if self.colours else "",
                self.languages,
            ),
            drawing_masks.segment(image[None])[0] if self.masks else None,
            part=None if self.parts else TEST if variant.kind else TRAINING,
        )
