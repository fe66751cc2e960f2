"""OpenMoji's colours as classes, and a finished drawing, or a sample, as areas of them.

OpenMoji paints with 28 colours (https://openmoji.org/styleguide); each class is a family of them, and a colour belongs
to the family of the one that is nearest in RGB. White fills and a white background cannot be told apart, and are one
class.
"""

from functools import cache as once

import numpy as np

from debruit.data.sources.drawings.areas import around, filled, opened
from debruit.images.pixels import parse_color

VERSION = 1  # raised when the same drawing is segmented otherwise
FAMILIES = {
    "white": "#ffffff",
    "grey": "#9b9b9a #d0cfce",
    "black": "#000000 #3f3f3f",
    "yellow": "#fcea2b",
    "orange": "#e27022 #f4aa41 #f1b31c",
    "red": "#d22f27 #ea5a47 #781e32",
    "pink": "#ffa7c0 #e67a94",
    "purple": "#8967aa #b399c8",
    "blue": "#61b2e4 #92d3f5 #1e50a0",
    "green": "#5c9e31 #b1cc33 #186648",
    "brown": "#a57939 #6a462f #c19a65 #debb90",
}  # the first of each is the colour of the class
NAMES = tuple(FAMILIES)
PALETTE = tuple(parse_color(shades.split()[0]) for shades in FAMILIES.values())
BLACK = NAMES.index("black")
HALOS = (NAMES.index("grey"), BLACK)  # what black lines on white blend to

SOLID = 1 / 16  # of the width: the side of the smallest black square that is an area; lines are 1/36 wide
SURE, LIKELY = 15.0, 40.0  # distances in RGB from a colour of OpenMoji
LEVELS = 64  # of each channel, in the table of all colours


def segment(images: np.ndarray) -> np.ndarray:
    """Images (N, 3, H, W) uint8 -> class numbers (N, H, W) uint8: each pixel's nearest colour, lines and what blends
    with them filled from what is nearest.

    Black counts where it is solid: an opening by a square of SOLID removes lines. Another class counts in blocks of 2 x
    2 pixels that are LIKELY, and where two SURE pixels touch, except for grey, which the edges of lines have too.
    """
    numbers, distance = nearest_class(np.moveaxis(images, 1, -1))
    known = opened(numbers == BLACK, solid_side(images.shape[-1]))
    for n in range(len(NAMES)):
        if n == BLACK:
            continue
        of_class = numbers == n
        known |= opened(of_class & (distance <= LIKELY), 2)
        if n not in HALOS:
            sure = of_class & (distance <= SURE)
            known |= sure & (around(sure) >= 2)
    return filled(numbers, known, len(NAMES))


def nearest_class(pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The class (...) uint8 of pixels (..., 3) uint8, and their distance from its nearest colour, to the table's
    precision of 2 in each channel."""
    numbers, distances = _table()
    levels = (pixels // (256 // LEVELS)).astype(np.int32)
    indices = (levels[..., 0] * LEVELS + levels[..., 1]) * LEVELS + levels[..., 2]
    return numbers[indices], distances[indices]


def solid_side(width: int) -> int:
    """Pixels of the side of the smallest black square that is an area, in drawings of this width."""
    return max(2, round(SOLID * width))


@once
def _table() -> tuple[np.ndarray, np.ndarray]:
    """Class and distance of every colour, LEVELS of each channel."""
    shades = [(n, parse_color(shade)) for n, family in enumerate(FAMILIES.values()) for shade in family.split()]
    middles = (np.arange(LEVELS, dtype=np.float32) + 0.5) * (256 / LEVELS) - 0.5
    red, green, blue = np.meshgrid(middles, middles, middles, indexing="ij")
    squares = np.stack([(red - r) ** 2 + (green - g) ** 2 + (blue - b) ** 2 for _, (r, g, b) in shades])
    classes = np.array([n for n, _ in shades], np.uint8)
    return classes[squares.argmin(0)].ravel(), np.sqrt(squares.min(0)).ravel()
