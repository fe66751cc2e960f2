"""The mask of any drawing: its areas of colour in the eleven colour terms.

Unsmoothed at several times the size -> the class of each of these pixels -> the most frequent one of each pixel. Black
is where it is solid: thin black lines count for nothing, and the mask is filled there from what is nearest.
"""

import numpy as np

from debruit.data.sources.drawings.areas import around, filled, most_frequent, opened
from debruit.data.sources.drawings.colour_words import NAMES, classes
from debruit.data.sources.drawings.raster import rgb
from debruit.data.sources.openmoji.segmentation import BLACK, solid_side

FINER, FINEST = 2, 512  # times the size, and the side from which on it is less
VERSION = 1  # part of the cache's key: raised when the same drawing gets another mask


def mask(svg: str, size: int, background: str) -> np.ndarray:
    """Class numbers (size, size) uint8."""
    finer = max(1, min(FINER, FINEST // size))
    numbers = classes(rgb(svg, finer * size, background, smooth=False))
    line = (numbers == BLACK) & ~opened(numbers == BLACK, max(2, finer * solid_side(size) * 3 // 4))
    areas, known = most_frequent(np.where(line, len(NAMES), numbers), size, len(NAMES))
    return filled(areas[None], known[None], len(NAMES))[0]


def segment(images: np.ndarray) -> np.ndarray:
    """Images (N, 3, H, W) uint8 -> class numbers (N, H, W) uint8, black where it is solid, as in `mask`. A pixel whose
    class none of its eight neighbours has is filled from them, so are thin black lines."""
    numbers = classes(np.moveaxis(images, 1, -1))
    known = (numbers != BLACK) | opened(numbers == BLACK, solid_side(images.shape[-1]))
    for n in range(len(NAMES)):
        of_class = numbers == n
        known &= ~of_class | (around(of_class) >= 2)
    return filled(numbers, known, len(NAMES))
