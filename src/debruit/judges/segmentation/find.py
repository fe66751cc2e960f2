"""The data -> what segments its images."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from torch import Tensor

from debruit.data.dataset import Dataset
from debruit.files.keys import make_key
from debruit.images.spec import DataSpec
from debruit.judges.features.stored import Say


class Segmentation(Protocol):
    """Images at rest (N, C, H, W), described by `spec`, to class numbers (N, H, W) uint8. `label` names it in every score, and `fingerprint` is a digest of
    all that it depends on."""

    @property
    def label(self) -> str: ...

    @property
    def fingerprint(self) -> str: ...

    def __call__(self, images: Tensor, spec: DataSpec) -> np.ndarray: ...


@dataclass(frozen=True)
class ByColour:
    """Drawings of few colours: the colour of a pixel, and of those around it, says what it is of. Nothing is learned."""

    label: str
    fingerprint: str
    segment: Callable[[np.ndarray], np.ndarray]

    def __call__(self, images: Tensor, spec: DataSpec) -> np.ndarray:
        return self.segment(images.numpy())


@dataclass(frozen=True)
class Renumbered:
    """A segmentation whose class numbers are those of other data: `numbers` (K,) uint8 by its own. `names` are those of the new numbers."""

    of: Any
    numbers: np.ndarray
    names: tuple[str, ...]

    def __getattr__(self, name: str) -> Any:  # its label, accuracy and what else a report says of it
        return getattr(self.of, name)

    @property
    def fingerprint(self) -> str:
        return make_key(self.of.fingerprint, self.numbers.tolist(), list(self.names))

    def __call__(self, images: Tensor, spec: DataSpec) -> np.ndarray:
        return self.numbers[self.of(images, spec)]


def renumbered(found: Any, ours: tuple[str, ...], theirs: tuple[str, ...]) -> Any:
    """A segmentation into classes named `ours` as one into those of other data, named `theirs`; classes that the other data lacks come after its own."""
    if ours == theirs:
        return found
    names = (*theirs, *(name for name in ours if name not in theirs))
    return Renumbered(found, np.array([names.index(name) for name in ours], np.uint8), names)


def find_segmentation(dataset: Dataset, teaching: np.ndarray, say: Say, *, group: str = "") -> Segmentation:
    """By colour where the data is known to allow that, else a network trained on the images `teaching` of the data and their masks,
    measured on whole groups where there is a `group` (data/groups.py)."""
    if by_colour(dataset.spec):
        from debruit.data.sources.openmoji.segmentation import VERSION, segment

        return ByColour("palette", f"openmoji {VERSION}", segment)
    from debruit.judges.segmentation.trained import trained

    return trained(dataset, teaching, say=say, group=group)


def by_colour(spec: DataSpec) -> bool:
    """Whether the colours of such images say what their masks would: OpenMoji's, whose masks are families of its colours."""
    from debruit.data.sources.openmoji.segmentation import NAMES

    return (spec.name, spec.mask_names, spec.channels, spec.depth) == ("openmoji", NAMES, 3, "uint8")
