"""The dominant hue of an image, by the colour term of each pixel: the judge of colour agreement.

The terms are the eleven of drawings (data/sources/drawings/colour_words.py). They judge any image in colour; how well
they suit the data is the agreement of real images with their own captions.
"""

import numpy as np
from torch import Tensor

from debruit.data.sources.drawings.colour_words import HUES, NAMES, classes
from debruit.images.spec import DataSpec
from debruit.metrics.hues import dominant

LABEL = "colour terms"
ROWS = 256  # images at a time
__all__ = ["LABEL", "NAMES", "dominant_hues", "in_colour"]


def in_colour(spec: DataSpec) -> bool:
    """Whether the images of this data have hues that can be named: 8-bit RGB."""
    return (spec.channels, spec.depth, spec.frames) == (3, "uint8", 1)


def dominant_hues(images: Tensor) -> np.ndarray:
    """The dominant hue of images (N, 3, H, W) uint8, (N,) int64, by its position in NAMES."""
    parts = (np.moveaxis(part.numpy(), 1, -1) for part in images.split(ROWS))
    return np.concatenate([dominant(classes(part), NAMES, HUES) for part in parts])
