"""Masks as files -> class numbers (H, W) uint8, cut and resized as their images are, by nearest.

    every mask -> its values or colours (`tones`) -> all of them and classes.json -> a `Coding` -> mask as class numbers

A grey or palette PNG holds numbers, a colour PNG colours. Where classes.json gives colours, a palette PNG whose colours are all among them is read by
colour, since some programs renumber a palette when they save it. Masks that are grey though stored in colour hold numbers. 255 is "unlabelled" unless
classes.json names it, and becomes the last class; masks of 0 and 255 alone are black and white, and 255 is class 1.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count

import numpy as np
from PIL import Image

from debruit.data.blobs import Openable
from debruit.data.legend import CLASSES, RGB, Legend
from debruit.data.palette import IGNORED, UNLABELLED, in_hex
from debruit.data.pixels import JPEG, Sized, Unreadable, central_part, opened, orientation, room_for, turned_upright
from debruit.data.wording import some
from debruit.errors import InputError

MOST_COLORS = 256
GATHERED = 4096  # colours that are remembered: more than enough to say that there are too many
COLOR_MODES = ("RGBA", "CMYK", "YCbCr", "PA", "RGBa", "HSV", "LAB")  # beside RGB


@dataclass
class Tones:
    """What masks hold: numbers of grey masks, colours of those in colour; numbers of masks with a palette, their colours (`inks`), and the colour of
    each number (`shades`), unless it changes from mask to mask (`renumbered`)."""

    greys: set[int] = field(default_factory=set)
    colors: set[RGB] = field(default_factory=set)
    indices: set[int] = field(default_factory=set)
    inks: set[RGB] = field(default_factory=set)
    shades: dict[int, RGB] = field(default_factory=dict)
    renumbered: bool = False
    other_sizes: int = 0

    def add(self, other: "Tones") -> None:
        self.greys |= other.greys
        self.indices |= other.indices
        for mine, more in ((self.colors, other.colors), (self.inks, other.inks)):
            if len(mine) < GATHERED:
                mine |= more
        self.renumbered |= any(self.shades.setdefault(value, color) != color for value, color in other.shades.items())
        self.other_sizes += other.other_sizes


@dataclass(frozen=True, kw_only=True)
class Coding:
    """How a mask becomes class numbers: `table` from values, or `colors` in the order of the classes; a colour that is none of them is class
    `other`."""

    names: tuple[str, ...]
    palette: tuple[RGB, ...]
    table: tuple[int, ...] = ()
    colors: tuple[RGB, ...] = ()
    other: int = 0

    @property
    def numbers(self) -> tuple[int, ...]:
        """What stands for each class in the files: nothing where colours do."""
        return () if self.colors else tuple(255 - self.table[::-1].index(n) for n in range(len(self.names)))


def tones(file: Openable, height: int, width: int) -> Tones:
    """What the mask of an image of this size holds. Unreadable: it is no mask, or not of the image's proportions."""
    with opened(file) as image:
        if image.format in JPEG:
            raise Unreadable("a JPEG, which blurs class numbers into each other: masks are read from PNG")
        with room_for(image):
            pixels = turned_upright(_pixels(image), orientation(image))
        found = Tones(other_sizes=int(pixels.shape[:2] != (height, width)))
        if abs(pixels.shape[1] * height / (pixels.shape[0] * width) - 1) > 0.02:
            raise Unreadable(
                f"{pixels.shape[1]} x {pixels.shape[0]} pixels beside an image of {width} x {height}: other proportions"
            )
        if pixels.shape[2] == 3:
            packed = np.unique(_packed(pixels))
            found.colors = {(int(c) >> 16, int(c) >> 8 & 255, int(c) & 255) for c in packed[:GATHERED]}
            return found
        values = np.unique(pixels)
        if values[0] < 0 or values[-1] > 255:
            raise Unreadable(f"the class number {values[0] if values[0] < 0 else values[-1]}: masks hold 0 to 255")
        if image.mode != "P":
            found.greys = set(values.tolist())
            return found
        table = np.asarray(image.getpalette("RGB") or [], np.uint8).reshape(-1, 3).tolist()
        found.indices = set(values.tolist())
        found.shades = {value: tuple(table[value]) for value in found.indices if value < len(table)}
        found.inks = set(found.shades.values())
        return found


def decode_mask(file: Openable, target: Sized, coding: Coding) -> np.ndarray:
    """Class numbers (H, W) uint8 at the target's size: the same part of the picture as `pixels.decode` takes."""
    with opened(file) as image, room_for(image):
        image.load()  # which turns a TIFF, and finds what a PNG says of itself behind its pixels
        turn = orientation(image)
        pixels = _pixels(image.convert("RGB") if coding.colors and image.mode == "P" else image)
    pixels = cut(pixels, target, turn)
    if not coding.colors:
        return np.ascontiguousarray(np.asarray(coding.table, np.uint8)[pixels[..., 0]])
    keys = _packed(np.asarray(coding.colors, np.uint8))
    order = np.argsort(keys)
    wanted = _packed(np.broadcast_to(pixels, (*pixels.shape[:2], 3)))
    places = np.searchsorted(keys[order], wanted).clip(max=len(keys) - 1)
    return np.where(keys[order][places] == wanted, order[places], coding.other).astype(np.uint8)


def cut(pixels: np.ndarray, target: Sized, turn: int = 1) -> np.ndarray:
    """(H, W, C) of any size as the target's: the largest central part of its proportions, by nearest, turned upright from this orientation of EXIF."""
    (width, height), (left, top, right, bottom) = central_part(
        (pixels.shape[1], pixels.shape[0]), target, turned=turn >= 5
    )
    rows = (top + (np.arange(height) + 0.5) * (bottom - top) / height).astype(int)
    columns = (left + (np.arange(width) + 0.5) * (right - left) / width).astype(int)
    return turned_upright(pixels[rows[:, None], columns], turn)


def coding(found: Tones, legend: Legend, origin: str) -> tuple[Coding, tuple[str, ...]]:
    """How these masks are read, and what there is to say about it. InputError: colours without an end, or without classes."""
    if found.colors and (legend.colors or any(len(set(color)) > 1 for color in found.colors)):
        return _by_color(found.colors | found.inks | {(v, v, v) for v in found.greys}, legend, origin)
    if legend.colors and found.inks and not found.greys | found.colors and found.inks <= set(legend.colors.values()):
        return _by_color(found.inks, legend, origin)
    return _by_value(found.greys | found.indices | {color[0] for color in found.colors}, found, legend)


def _by_value(values: set[int], found: Tones, legend: Legend) -> tuple[Coding, tuple[str, ...]]:
    named, colors, table, notes = dict(legend.names), dict(legend.colors), list(range(256)), []
    if values | {0} == {0, IGNORED} and not set(named) - {0, 1}:
        table[IGNORED] = 1
        names = [named.get(n, f"class {n}") for n in (0, 1)]
        colors = colors or {0: (0, 0, 0), 1: (255, 255, 255)}
        notes.append(f"the masks are black and white: 0 is '{names[0]}' and 255 is '{names[1]}'")
    else:
        colors = colors or ({} if found.renumbered else dict(found.shades))
        ignored = named.pop(IGNORED, UNLABELLED if IGNORED in values else "")
        names = [named.get(n, f"class {n}") for n in range(max((values | set(named)) - {IGNORED}, default=-1) + 1)]
        if unnamed := [str(n) for n in sorted(values - {IGNORED} - set(named)) if legend.names]:
            notes.append(
                f"values of masks without a name in {CLASSES}: {some(unnamed, 10)}; called 'class {unnamed[0]}' and so on"
            )
        color = colors.pop(IGNORED, None)
        if ignored:
            table[IGNORED] = len(names)
            colors |= {len(names): color} if color else {}
            names.append(ignored)
            notes.append(f"255 in the masks is '{ignored}', which is the last class")
    result = Coding(names=tuple(names), palette=_palette(len(names), colors), table=tuple(table))
    return result, (_said(result), *notes)


def _by_color(colors: set[RGB], legend: Legend, origin: str) -> tuple[Coding, tuple[str, ...]]:
    if legend.names and not legend.colors:
        raise InputError(
            f"the masks in {origin} are in colour, and {CLASSES} gives names without colours: give each class its colour, as in "
            '[{"id": 0, "name": "sky", "color": "#87ceeb"}]'
        )
    if not legend.colors:
        return _by_own_colors(sorted(colors), origin)
    numbers = sorted(legend.colors)
    names, known = [legend.names[n] for n in numbers], [legend.colors[n] for n in numbers]
    strange, notes = sorted(colors - set(known)), []
    if strange and UNLABELLED not in names:
        names.append(UNLABELLED)
    if strange:
        notes.append(
            f"colours of masks without a class in {CLASSES}, which are '{UNLABELLED}': {some(map(in_hex, strange), 10)}"
        )
    result = Coding(
        names=tuple(names),
        palette=_palette(len(names), dict(enumerate(known))),
        colors=tuple(known),
        other=names.index(UNLABELLED) if strange else 0,
    )
    return result, (_said(result), *notes)


def _by_own_colors(colors: list[RGB], origin: str) -> tuple[Coding, tuple[str, ...]]:
    if len(colors) > MOST_COLORS:
        many = f"{GATHERED:,} or more" if len(colors) >= GATHERED else f"{len(colors):,}"
        raise InputError(
            f"the masks in {origin} hold {many} colours, and {MOST_COLORS} classes are the most: save them without smoothed edges, or give the "
            f"classes and their colours in {CLASSES}"
        )
    names = tuple(f"colour {in_hex(color)}" for color in colors)
    result = Coding(names=names, palette=tuple(colors), colors=tuple(colors))
    return result, (_said(result), f"there is no {CLASSES}: the classes of the masks are called by their colours")


def _said(result: Coding) -> str:
    kind = "class" if len(result.names) == 1 else "classes"
    return f"{len(result.names)} {kind} of masks: {some(result.names)}"


def nameless(name: str) -> bool:
    """Whether the name of a mask's class was made up here."""
    kind, _, rest = name.partition(" ")
    return (kind == "class" and rest.isdecimal()) or (kind == "colour" and rest.startswith("#"))


def _palette(classes: int, known: Mapping[int, RGB]) -> tuple[RGB, ...]:
    """A colour of its own for each class: the known ones, and Pascal VOC's for the others."""
    colors: dict[int, RGB] = {}
    for n in sorted(known):
        if n < classes and known[n] not in colors.values():
            colors[n] = known[n]
    for n in range(classes):
        if n not in colors:
            colors[n] = next(color for color in _further(n) if color not in colors.values())
    return tuple(colors[n] for n in range(classes))


def _further(first: int) -> Iterator[RGB]:
    """Pascal VOC's colour of each number: its bits are dealt to red, green and blue in turn, the highest bit of a colour first."""
    for n in count(first):
        color = [sum((n >> (3 * bit + channel) & 1) << (7 - bit) for bit in range(8)) for channel in range(3)]
        yield color[0], color[1], color[2]


def _pixels(image: Image.Image) -> np.ndarray:
    """(H, W, 1) values or (H, W, 3) colours, transparency left aside."""
    if image.mode in COLOR_MODES:
        image = image.convert("RGB")
    elif image.mode in ("LA", "La"):
        image = image.convert("LA").getchannel(0)
    pixels = np.asarray(image)
    if pixels.dtype.kind == "f":
        if not (np.isfinite(pixels).all() and (pixels == np.rint(pixels)).all()):
            raise Unreadable("holds fractions, and a mask holds class numbers")
        pixels = pixels.astype(np.int64)
    return pixels.astype(np.uint8 if pixels.dtype == bool else pixels.dtype).reshape(*pixels.shape[:2], -1)


def _packed(pixels: np.ndarray) -> np.ndarray:
    """(..., 3) uint8 -> one number for each colour."""
    return pixels.astype(np.uint32) @ np.array([65536, 256, 1], np.uint32)
