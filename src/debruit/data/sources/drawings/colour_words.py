"""The eleven basic colour terms (Berlin & Kay 1969) of any colour: classes of masks, and words of captions.

Regions of OKLab's lightness L, chroma C and hue h. The order of NAMES and the colours that stand for them are
OpenMoji's.
"""

from functools import cache as once

import numpy as np

from debruit.data.sources.drawings.oklab import lch
from debruit.data.sources.openmoji.segmentation import NAMES, PALETTE

__all__ = ["GREYS", "HUES", "NAMES", "PALETTE", "VERSION", "classes", "colour_number"]

VERSION = 1  # raised when a colour gets another word
LEVELS = 64  # of each channel, in the table of all colours
GREYS = ("white", "grey", "black")
HUES = tuple(name for name in NAMES if name not in GREYS)


def classes(pixels: np.ndarray) -> np.ndarray:
    """The class (...) uint8 of pixels (..., 3) uint8, to the table's precision of 4 in each channel."""
    levels = (pixels // (256 // LEVELS)).astype(np.int32)
    return _table()[(levels[..., 0] * LEVELS + levels[..., 1]) * LEVELS + levels[..., 2]]


def colour_number(colour: np.ndarray) -> np.ndarray:
    """The class (...) uint8 of colours (..., 3) in OKLab's L, C, h."""
    light, chroma, hue = colour[..., 0], colour[..., 1], colour[..., 2]
    warm = (hue >= 25) & (hue < 100)
    words = [
        ((chroma < 0.035) & (light > 0.9), "white"),
        ((light < 0.28) | ((chroma < 0.05) & (light < 0.38)), "black"),
        (chroma < np.where(warm, 0.03, 0.04), "grey"),
        ((hue >= 335) & (light > 0.5), "pink"),
        ((hue < 20) & (light > 0.66), "pink"),
        ((hue < 40) & (light > 0.74), "pink"),
        (((hue >= 340) | (hue < 35)) & (chroma > 0.1), "red"),
        (warm & (light < 0.53), "brown"),
        ((hue >= 40) & (hue < 100) & (chroma < 0.09) & (light < 0.88), "brown"),
        ((hue >= 40) & (hue < 80) & (chroma < 0.115) & (light < 0.72), "brown"),
        (((hue >= 340) | (hue < 38)), "red"),
        ((hue < 76), "orange"),
        ((hue < 114) & (light > 0.55), "yellow"),
        ((hue < 188), "green"),
        ((hue < 284), "blue"),
        ((hue < 360), "purple"),
    ]
    numbers = [np.uint8(NAMES.index(word)) for _, word in words]
    return np.select([condition for condition, _ in words], numbers, np.uint8(0)).astype(np.uint8)


@once
def _table() -> np.ndarray:
    """The class of every colour, LEVELS of each channel."""
    middles = (np.arange(LEVELS, dtype=np.float64) + 0.5) * (256 / LEVELS) - 0.5
    grid = np.stack(np.meshgrid(middles, middles, middles, indexing="ij"), axis=-1)
    return colour_number(lch(grid)).ravel()


def dominant_hue(pixels: np.ndarray, counted: np.ndarray | None = None) -> int:
    """The number in NAMES of the most frequent of HUES among pixels (..., 3) uint8, those of `counted` (...) alone if
    it is given; -1 where there are only white, grey and black."""
    numbers = classes(pixels) if counted is None else classes(pixels)[counted]
    counts = np.bincount(numbers.ravel(), minlength=len(NAMES))
    counts[[NAMES.index(name) for name in GREYS]] = 0
    return int(counts.argmax()) if counts.any() else -1
