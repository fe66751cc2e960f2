"""The protocol of feature extractors."""

from typing import Protocol, runtime_checkable

import numpy as np
from torch import Tensor

from debruit.images.spec import DataSpec


@runtime_checkable
class Extractor(Protocol):
    """Images at rest (N, C, H, W), described by `spec`, to features (N, dimensions) float32. `label` names the network
    in every score; `fingerprint` is a digest of its weights and its preprocessing, so that cached features are never
    another network's."""

    @property
    def label(self) -> str: ...

    @property
    def dimensions(self) -> int: ...

    @property
    def fingerprint(self) -> str: ...

    def __call__(self, images: Tensor, spec: DataSpec) -> np.ndarray: ...
