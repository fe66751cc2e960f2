"""The mask of one of OpenMoji's drawings: its areas of colour, without the lines around them.

SVG -> without the layers of lines, at several times the size and unsmoothed -> the class of each of these pixels -> the
most frequent one of each pixel

Black is where the whole drawing is solid, as in `segment`: black shapes are drawn as thick lines, or outlined in black,
as often as filled, and a few lines are among the areas. These count for nothing, and where there is nothing else the
mask is filled from what is nearest.
"""

from collections.abc import Callable

import numpy as np

from debruit.data.sources.drawings.areas import filled, most_frequent, opened
from debruit.data.sources.openmoji import svg_layers
from debruit.data.sources.openmoji.segmentation import BLACK, NAMES, nearest_class, solid_side

LINES = ("line", "line-supplement")
FINER, FINEST = 4, 512  # times the size, and the side from which on it is less
VERSION = 1  # part of the cache's key: raised when the same drawing gets another mask

Rasterise = Callable[[str, int], np.ndarray]


def draw_mask(svg: str, size: int, rasterise: Rasterise) -> np.ndarray:
    """Class numbers (size, size) uint8; `rasterise(svg, side)` gives (side, side, 3) uint8 without smoothing."""
    finer = max(1, min(FINER, FINEST // size))
    side = finer * size
    areas = nearest_class(rasterise(svg_layers.without(svg, LINES), side))[0]
    black = nearest_class(rasterise(svg, side))[0] == BLACK
    solid = opened(black, finer * solid_side(size))
    areas = np.where(solid, BLACK, np.where(areas == BLACK, len(NAMES), areas))
    numbers, known = most_frequent(areas, size, len(NAMES))
    return filled(numbers[None], known[None], len(NAMES))[0]
