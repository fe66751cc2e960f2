"""The colours of an image: its histogram in RGB, shared out linearly among the bins around each colour, so
that a colour near the edge of a bin moves it a little only (trilinear, as in the histograms of Lowe 2004).
"""

from dataclasses import dataclass
from itertools import product
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from debruit.images.spec import DataSpec
from debruit.judges.features.preparation import resized

SIDE, LEVELS = 64, 9  # pixels; bins along each of red, green and blue
ROWS = 64  # images at a time


@dataclass(frozen=True)
class ColourHistogram:
    """An `Extractor`: the square roots of the shares of the bins, whose Euclidean distance is that of Hellinger."""

    label: ClassVar[str] = "colours"
    dimensions: ClassVar[int] = LEVELS**3
    fingerprint: ClassVar[str] = f"colours of {SIDE} x {SIDE} in {LEVELS} levels, 1"

    def __call__(self, images: Tensor, spec: DataSpec) -> np.ndarray:
        parts = [shares(resized(rows, spec, SIDE, SIDE)).sqrt().numpy() for rows in images.split(ROWS)]
        return np.concatenate(parts) if parts else np.empty((0, self.dimensions), np.float32)


def shares(x: Tensor) -> Tensor:
    """Images (N, 3, H, W) on 0..255 -> shares of their pixels in each bin, (N, LEVELS ** 3)."""
    position = x.flatten(2) * ((LEVELS - 1) / 255)
    below = position.floor().clamp(0, LEVELS - 2)
    above = position - below
    mass = torch.zeros(len(x), LEVELS**3)
    for corner in product((0, 1), repeat=3):
        at = torch.tensor(corner).view(1, 3, 1)
        weights = torch.where(at == 1, above, 1 - above).prod(dim=1)
        red, green, blue = (below.long() + at).unbind(dim=1)
        mass.scatter_add_(1, (red * LEVELS + green) * LEVELS + blue, weights)
    return mass / position.shape[2]
