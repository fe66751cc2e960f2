"""Handwritten digits: 1,797 grey images of 8 x 8 pixels and 17 levels, ten classes (UCI, inside scikit-learn; CC BY
4.0)."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from debruit.data.dataset import Dataset
from debruit.data.ingest.cache import Item, Recording, stored
from debruit.data.sources.install import install_packages, require
from debruit.errors import InputError
from debruit.files.keys import make_key
from debruit.images.spec import DataSpec

LEVELS = 16  # the brightest value; here it becomes 255
COUNT = 1797


@dataclass(frozen=True, kw_only=True)
class Digits:
    """1,797 handwritten digits, grey 8x8, 10 classes; inside scikit-learn."""

    name: ClassVar[str] = "digits"
    packages: ClassVar[tuple[str, ...]] = ("scikit-learn",)

    def build(self) -> Dataset:
        """Map the digits, reading them from scikit-learn the first time."""
        key = make_key(self.name, require(self.name, self.packages))
        return stored(key, self._recording)

    def check(self) -> str:
        """Return a description of the data. InputError: it is missing or damaged."""
        require(self.name, self.packages)
        images, labels = _load()
        if images.shape != (COUNT, 8, 8) or set(labels) != set(range(10)):
            raise InputError(
                f"scikit-learn's digits have the shape {images.shape} instead of ({COUNT}, 8, 8): install it again"
            )
        return f"{COUNT:,} images of 8 x 8 pixels in 10 classes, inside scikit-learn"

    def obtain(self) -> None:
        """Install scikit-learn."""
        install_packages(self.packages)

    def _recording(self) -> Recording:
        images, labels = _load()
        pixels = np.rint(images * (255 / LEVELS)).astype(np.uint8)[:, None]
        spec = DataSpec(
            name=self.name,
            channels=1,
            height=8,
            width=8,
            depth="uint8",
            low=0,
            high=255,
            count=len(pixels),
            class_names=tuple("0123456789"),
            lettered=True,
        )
        items = (
            Item(f"digit {n}", image, int(label)) for n, (image, label) in enumerate(zip(pixels, labels, strict=True))
        )
        return Recording(spec=spec, items=items, total=len(pixels), origin=self.name)


def _load() -> tuple[np.ndarray, np.ndarray]:
    from sklearn.datasets import load_digits

    data = load_digits()
    return data.images, data.target
