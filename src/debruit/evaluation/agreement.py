"""What images were asked to show, and what a network finds in them, image by image."""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """`asked` and `found` are of one kind,
    image by image: masks (N, H, W) and segmentations, or the vectors (N, D) of captions and of images; the
    network called `network` found them, `names` are those of the class numbers. `counts` (N,) says which images count: those asked for what neither the
    model nor that network was trained on."""

    asked: np.ndarray
    found: np.ndarray
    counts: np.ndarray
    network: str
    names: tuple[str, ...] = ()

    def take(self, indices: np.ndarray) -> Self:
        """The images of these indices, with repetitions."""
        return replace(self, asked=self.asked[indices], found=self.found[indices], counts=self.counts[indices])

    @property
    def counted(self) -> tuple[np.ndarray, np.ndarray]:
        """`asked` and `found` of the images that count."""
        return self.asked[self.counts], self.found[self.counts]
