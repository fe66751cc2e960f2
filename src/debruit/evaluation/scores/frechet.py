"""Frechet distances of samples to the reference."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from debruit.evaluation.image_set import ImageSet
from debruit.evaluation.scores.metric import Metric
from debruit.metrics import frechet
from debruit.metrics.score import Score


@dataclass(frozen=True)
class Frechet(Metric):
    """Frechet distance with its interval, and how far another choice of reference images would move it."""

    name: ClassVar[str] = "frechet"
    networks: ClassVar[tuple[str, ...]] = ("features",)
    position: ClassVar[float] = 10
    cost: ClassVar[float] = 1.0
    pairing: ClassVar[Literal["samples", "pairs", "groups"]] = "samples"

    def compute(self, images: ImageSet, reference: ImageSet) -> list[Score]:
        return [frechet.frechet(images.features, reference.features, network=images.network, by_choice=True)]

    def contributions(self, images: ImageSet, reference: ImageSet) -> Mapping[str, np.ndarray]:
        return {f"{frechet.LABEL}-{images.network}": influence(images, reference)}


@dataclass(frozen=True)
class UnbiasedFrechet(Metric):
    """Frechet distance extrapolated to infinitely many samples."""

    name: ClassVar[str] = "frechet-unbiased"
    networks: ClassVar[tuple[str, ...]] = ("features",)
    least: ClassVar[int] = 8
    position: ClassVar[float] = 20
    cost: ClassVar[float] = 4.5
    pairing: ClassVar[Literal["samples", "pairs", "groups"]] = "samples"

    def compute(self, images: ImageSet, reference: ImageSet) -> list[Score]:
        return [frechet.frechet_unbiased(images.features, reference.features, network=images.network)]

    def contributions(self, images: ImageSet, reference: ImageSet) -> Mapping[str, np.ndarray]:
        return {f"{frechet.UNBIASED_LABEL}-{images.network}": influence(images, reference)}


def influence(images: ImageSet, reference: ImageSet) -> np.ndarray:
    """The contribution of each image to the distance, to first order, (N,)."""
    own, others = frechet.moments(images.features), frechet.moments(reference.features)
    return frechet.influence(images.features, own, others)
