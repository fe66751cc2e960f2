"""The dominant hue of an image, by the nearest colours of a palette: the judge of colour agreement.

The palette is that of the drawings (data/sources/openmoji/segmentation.py), 28 colours in 11 families with plain names.
It judges any image in colour; how well it suits the data is the agreement of real images with their own captions.
"""

import numpy as np
from torch import Tensor

from debruit.annotations.colour_words import HUES
from debruit.data.sources.openmoji.segmentation import NAMES, nearest_class
from debruit.images.spec import DataSpec
from debruit.metrics.hues import dominant

LABEL = "palette"
ROWS = 256  # images at a time
__all__ = ["LABEL", "NAMES", "dominant_hues", "in_colour"]


def in_colour(spec: DataSpec) -> bool:
    """Whether the images of this data have hues that can be named: 8-bit RGB."""
    return (spec.channels, spec.depth, spec.frames) == (3, "uint8", 1)


def dominant_hues(images: Tensor) -> np.ndarray:
    """The dominant hue of images (N, 3, H, W) uint8, (N,) int64, by its position in NAMES."""
    parts = (np.moveaxis(part.numpy(), 1, -1) for part in images.split(ROWS))
    return np.concatenate([dominant(nearest_class(part)[0], NAMES, tuple(HUES)) for part in parts])
