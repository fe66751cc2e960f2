"""Masks as files -> class numbers (H, W) uint8, cut and resized as their images are, by nearest.

    every mask -> its values or colours (`tones`) -> all of them and classes.json -> a `Coding` (mask_coding.py)
    mask and `Coding` -> class numbers

A grey or palette PNG holds numbers, a colour PNG colours. Where classes.json gives colours, a palette PNG whose colours
are all among them is read by colour, since some programs renumber a palette when they save it. Masks that are grey
though stored in colour hold numbers. 255 is "unlabelled" unless classes.json names it, and becomes the last class;
masks of 0 and 255 alone are black and white, and 255 is class 1. Smoothed edges (smoothing.py) are no classes: of black
and white masks they are black or white, of colours that classes.json gives the nearer of two, and other masks that have
them are refused.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from PIL import Image

from debruit.annotations.mask_classes import RGB
from debruit.annotations.palette import IGNORED, unblended
from debruit.annotations.smoothing import GATHERED, Inks, inks_of
from debruit.files.blobs import Openable
from debruit.images.colour_profiles import profile_of
from debruit.images.orientation import orientation, turned_upright
from debruit.images.pixels import JPEG, Sized, Unreadable, central_part, opened, room_for

# of a file that looks like a mask: the most colours, or the least share of pixels that equal their left neighbour
FEW_COLORS, FLAT = 64, 0.7
COLOR_MODES = ("RGBA", "CMYK", "YCbCr", "PA", "RGBa", "HSV", "LAB")  # besides RGB


@dataclass
class Tones:
    """The content of masks: numbers of grey masks, colours of those in colour; numbers of masks with a palette, their
    colours (`inks`), and the colour of each number (`shades`), unless it changes from mask to mask (`renumbered`).
    `seen`: the colours of all, and where they lie. How many masks are of another size than their image, have
    transparent pixels, a colour profile, 0 and 255 alone (`white`), 0 and 1 alone (`ones`)."""

    greys: set[int] = field(default_factory=set)
    colors: set[RGB] = field(default_factory=set)
    indices: set[int] = field(default_factory=set)
    inks: set[RGB] = field(default_factory=set)
    shades: dict[int, RGB] = field(default_factory=dict)
    renumbered: bool = False
    other_sizes: int = 0
    seen: Inks = field(default_factory=Inks)
    transparent: int = 0
    profiled: int = 0
    white: int = 0
    ones: int = 0

    def add(self, other: "Tones") -> None:
        self.seen.add(other.seen)
        for count in ("other_sizes", "transparent", "profiled", "white", "ones"):
            setattr(self, count, getattr(self, count) + getattr(other, count))
        self.greys |= other.greys
        self.indices |= other.indices
        for mine, more in ((self.colors, other.colors), (self.inks, other.inks)):
            if len(mine) < GATHERED:
                mine |= more
        self.renumbered |= any(self.shades.setdefault(value, color) != color for value, color in other.shades.items())


@dataclass(frozen=True, kw_only=True)
class Coding:
    """How a mask becomes class numbers: `table` from values, or `colors` in the order of the classes; a colour that
    is none of them is class `other`. `two`: black and white, and what is lighter than half is class 1; `smoothed`: a
    blend of two colours is the nearer one."""

    names: tuple[str, ...]
    palette: tuple[RGB, ...]
    table: tuple[int, ...] = ()
    colors: tuple[RGB, ...] = ()
    other: int = 0
    two: bool = False
    smoothed: bool = False

    @property
    def numbers(self) -> tuple[int, ...]:
        """The number of each class in the files; () where colours stand for them."""
        if self.two:
            return 0, IGNORED
        return () if self.colors else tuple(255 - self.table[::-1].index(n) for n in range(len(self.names)))


def tones(file: Openable, height: int, width: int) -> Tones:
    """Return the content of the mask of an image of this size. Unreadable: it is no mask, or not of the image's
    proportions."""
    with opened(file) as image:
        if image.format in JPEG:
            raise Unreadable("a JPEG, which blurs class numbers into each other: masks are read from PNG")
        with room_for(image):
            profiled = profile_of(image) is not None
            pixels = turned_upright(_pixels(image), orientation(image))
            seen = turned_upright(_seen(image), orientation(image))
        content = Tones(
            other_sizes=int(pixels.shape[:2] != (height, width)),
            profiled=int(profiled),
            transparent=int(_is_transparent(image)),
        )
        content.seen = inks_of(seen)
        if abs(pixels.shape[1] * height / (pixels.shape[0] * width) - 1) > 0.02:
            raise Unreadable(
                f"{pixels.shape[1]} x {pixels.shape[0]} pixels for an image of {width} x {height}: other proportions"
            )
        if pixels.shape[2] == 3:
            packed = np.unique(_packed(pixels))
            content.colors = {(int(c) >> 16, int(c) >> 8 & 255, int(c) & 255) for c in packed[:GATHERED]}
            return content
        values = np.unique(pixels)
        if values[0] < 0 or values[-1] > 255:
            raise Unreadable(f"the class number {values[0] if values[0] < 0 else values[-1]}: masks hold 0 to 255")
        if image.mode != "P":
            content.greys = set(values.tolist())
            content.white, content.ones = int(content.greys == {0, IGNORED}), int(content.greys == {0, 1})
            return content
        table = np.asarray(image.getpalette("RGB") or [], np.uint8).reshape(-1, 3).tolist()
        content.indices = set(values.tolist())
        content.shades = {value: tuple(table[value]) for value in content.indices if value < len(table)}
        content.inks = set(content.shades.values())
        return content


def look_like_masks(files: Sequence[Openable]) -> bool:
    """Whether most of those that can be read are of few colours, or of areas of one colour each."""
    verdicts: list[bool] = []
    for file in files:
        try:
            with opened(file) as image, room_for(image):
                lossy, seen = image.format in JPEG, _seen(image)
        except Unreadable:
            continue
        packed = _packed(seen >> 5 if lossy else seen)
        few = len(np.unique(packed)) <= min(FEW_COLORS, max(2, packed.size // 4))
        verdicts.append(bool(few or (packed[:, 1:] == packed[:, :-1]).mean() >= FLAT))
    return bool(verdicts) and sum(verdicts) * 4 >= 3 * len(verdicts)


def decode_mask(file: Openable, target: Sized, coding: Coding) -> np.ndarray:
    """Class numbers (H, W) uint8 at the target's size: the same part of the image as `pixels.decode` takes."""
    with opened(file) as image, room_for(image):
        image.load()  # which turns a TIFF, and finds what a PNG says of itself behind its pixels
        turn = orientation(image)
        pixels = (
            _seen(image)
            if coding.two
            else _pixels(image.convert("RGB") if coding.colors and image.mode == "P" else image)
        )
    if coding.two:
        return np.ascontiguousarray(cut(pixels.mean(2, keepdims=True) >= 127.5, target, turn)[..., 0]).astype(np.uint8)
    if coding.smoothed:
        return np.ascontiguousarray(cut(_nearer(pixels, coding)[..., None], target, turn)[..., 0])
    pixels = cut(pixels, target, turn)
    if not coding.colors:
        return np.ascontiguousarray(np.asarray(coding.table, np.uint8)[pixels[..., 0]])
    numbers = _by_own_number(pixels, coding.colors)
    return np.where(numbers < 0, coding.other, numbers).astype(np.uint8)


def _by_own_number(pixels: np.ndarray, colors: Sequence[RGB]) -> np.ndarray:
    """The index of each colour of (H, W, 1 or 3) among these, -1 where it has none."""
    keys = _packed(np.asarray(colors, np.uint8))
    order = np.argsort(keys)
    packed = _packed(np.broadcast_to(pixels, (*pixels.shape[:2], 3)))
    positions = np.searchsorted(keys[order], packed).clip(max=len(keys) - 1)
    return np.where(keys[order][positions] == packed, order[positions], -1)


def _nearer(pixels: np.ndarray, coding: Coding) -> np.ndarray:
    """Class numbers (H, W) uint8, blends being the nearer of their two colours."""
    rgb = np.ascontiguousarray(np.broadcast_to(pixels, (*pixels.shape[:2], 3)))
    numbers = unblended(rgb, _by_own_number(rgb, coding.colors), np.asarray(coding.colors))
    return np.where(numbers < 0, coding.other, numbers).astype(np.uint8)


def cut(pixels: np.ndarray, target: Sized, turn: int = 1) -> np.ndarray:
    """(H, W, C) of any size as the target's: the largest central part of its proportions, by nearest, turned upright
    from this orientation of EXIF."""
    (width, height), (left, top, right, bottom) = central_part(
        (pixels.shape[1], pixels.shape[0]), target, turned=turn >= 5
    )
    rows = (top + (np.arange(height) + 0.5) * (bottom - top) / height).astype(int)
    columns = (left + (np.arange(width) + 0.5) * (right - left) / width).astype(int)
    return turned_upright(pixels[rows[:, None], columns], turn)


def _pixels(image: Image.Image) -> np.ndarray:
    """(H, W, 1) values or (H, W, 3) colours, transparency left aside."""
    if image.mode in COLOR_MODES:
        image = image.convert("RGB")
    elif image.mode in ("LA", "La"):
        image = image.convert("LA").getchannel(0)
    pixels = np.asarray(image)
    if (
        pixels.dtype.kind in "iu"
        and pixels.dtype.itemsize > 1
        and pixels.max(initial=0) == 65535
        and not (pixels % 257).any()
    ):
        pixels = pixels // 257  # 8 bits, spread over 16
    if pixels.dtype.kind == "f":
        if not (np.isfinite(pixels).all() and (pixels == np.rint(pixels)).all()):
            raise Unreadable("holds fractions, and a mask holds class numbers")
        pixels = pixels.astype(np.int64)
    return pixels.astype(np.uint8 if pixels.dtype == bool else pixels.dtype).reshape(*pixels.shape[:2], -1)


def _seen(image: Image.Image) -> np.ndarray:
    """(H, W, 3) uint8 as it looks, transparency left aside; of values beyond 8 bits the values, up to 255."""
    if image.mode == "1" or not (image.mode == "F" or image.mode.startswith("I")):
        image = image.convert("RGBA") if image.mode in ("PA", "LA", "La", "RGBa") else image
        return np.asarray(image.convert("RGB"))
    return np.repeat(_pixels(image).clip(0, 255).astype(np.uint8), 3, axis=2)


def _is_transparent(image: Image.Image) -> bool:
    if image.mode in ("LA", "La", "PA", "RGBA", "RGBa"):
        return bool((np.asarray(image.convert("RGBA").getchannel("A")) < 255).any())
    return "transparency" in image.info


def _packed(pixels: np.ndarray) -> np.ndarray:
    """(..., 3) uint8 -> one number for each colour."""
    return pixels.astype(np.uint32) @ np.array([65536, 256, 1], np.uint32)
