"""The areas of colour of any drawing or sample, as numbers of the eleven colour words: masks, and the judge of them.

The word of each pixel's colour. A class counts where a square of 2 x 2 of its pixels fits, which the smoothed edges
between two areas are too thin for; black where it is solid, since thin black lines are outlines. The rest is filled
from what is nearest. The mask of a drawing is what this function makes of its pixels, so that a drawing always agrees
with its own mask.
"""

import numpy as np

from debruit.data.sources.drawings.areas import filled, opened
from debruit.data.sources.drawings.colour_words import NAMES, classes
from debruit.data.sources.openmoji.segmentation import BLACK, solid_side

AREA = 2  # pixels of the side of the smallest square that is an area
VERSION = 2  # part of the cache's key: raised when the same drawing gets another mask


def segment(images: np.ndarray) -> np.ndarray:
    """Images (N, 3, H, W) uint8 -> class numbers (N, H, W) uint8."""
    numbers = classes(np.moveaxis(images, 1, -1))
    known = np.zeros(numbers.shape, bool)
    for n in np.flatnonzero(np.bincount(numbers.ravel(), minlength=len(NAMES))):
        known |= opened(numbers == n, solid_side(images.shape[-1]) if n == BLACK else AREA)
    return filled(numbers, known, len(NAMES))
