"""Masks from images: by the colours of drawings, or by a network trained on the user's masks."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from torch import Tensor

from debruit.data.dataset import Dataset
from debruit.files.keys import make_key
from debruit.images.spec import DataSpec

OPENMOJI, EMOJI = "openmoji", "emoji"
DRAWINGS = (OPENMOJI, EMOJI)  # sources whose masks follow from colours


class Segmentation(Protocol):
    """Images at rest (N, C, H, W), described by `spec`, to class indices (N, H, W) uint8. `label` names it in every
    score; `fingerprint` is a digest of everything that its output depends on."""

    @property
    def label(self) -> str: ...

    @property
    def fingerprint(self) -> str: ...

    def __call__(self, images: Tensor, spec: DataSpec) -> np.ndarray: ...


@dataclass(frozen=True)
class ByColour:
    """Segmentation of drawings with few colours: the colours of a pixel and of its neighbours determine its class."""

    label: str
    fingerprint: str
    segment: Callable[[np.ndarray], np.ndarray]

    def __call__(self, images: Tensor, spec: DataSpec) -> np.ndarray:
        return self.segment(images.numpy())


@dataclass(frozen=True)
class Renumbered:
    """A segmentation with the class indices of other data: `numbers` (K,) uint8 by its own, `names` by the new ones."""

    base: Any
    numbers: np.ndarray
    names: tuple[str, ...]

    def __getattr__(self, name: str) -> Any:  # label, accuracy and other facts for a report
        return getattr(self.base, name)

    @property
    def fingerprint(self) -> str:
        return make_key(self.base.fingerprint, self.numbers.tolist(), list(self.names))

    def __call__(self, images: Tensor, spec: DataSpec) -> np.ndarray:
        return self.numbers[self.base(images, spec)]


def renumbered(segmentation: Any, ours: tuple[str, ...], theirs: tuple[str, ...]) -> Any:
    """A segmentation into the classes `ours` as one into those of other data, `theirs`; classes that the other data
    lacks come after its own."""
    if ours == theirs:
        return segmentation
    names = (*theirs, *(name for name in ours if name not in theirs))
    return Renumbered(segmentation, np.array([names.index(name) for name in ours], np.uint8), names)


def find_segmentation(dataset: Dataset, indices: np.ndarray, *, group: str = "") -> Segmentation:
    """Segmentation by colour if the data allows it, else a network trained on these images and their masks."""
    if by_colour(dataset.spec):
        return _of_drawings(dataset.spec.name)
    from debruit.judges.supervised.segmenter import segmenter

    return segmenter(dataset, indices, group=group)


def by_colour(spec: DataSpec) -> bool:
    """Whether the colours of the images determine their masks: in drawings, where masks are colour terms."""
    from debruit.data.sources.drawings.colour_words import NAMES

    return spec.name in DRAWINGS and (spec.mask_names, spec.channels, spec.depth) == (NAMES, 3, "uint8")


def _of_drawings(name: str) -> ByColour:
    """The segmentation by the rule that made the masks of these drawings."""
    if name == OPENMOJI:
        from debruit.data.sources.openmoji.segmentation import VERSION, segment

        return ByColour("palette", f"openmoji {VERSION}", segment)
    from debruit.data.sources.drawings import colour_words, masks

    fingerprint = f"{name} {masks.VERSION} {colour_words.VERSION}"
    return ByColour("colour terms", fingerprint, masks.segment)
