"""Diversity and colour of samples, from their pixels."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from debruit.evaluation.image_set import ImageSet
from debruit.evaluation.requirements import Requirement, class_condition, labels
from debruit.evaluation.scores.metric import Metric
from debruit.metrics.colour import channel_moments, colour_shift
from debruit.metrics.diversity import differences, diversity
from debruit.metrics.paired import pair_rows
from debruit.metrics.score import Score


@dataclass(frozen=True)
class Diversity(Metric):
    """Mean structural difference of pairs of samples."""

    name: ClassVar[str] = "diversity"
    position: ClassVar[float] = 130
    cost: ClassVar[float] = 0.3
    pairing: ClassVar[Literal["samples", "pairs", "groups"]] = "pairs"

    def compute(self, images: ImageSet, reference: ImageSet) -> list[Score]:
        return [diversity(images.images, images.spec)]

    def contributions(self, images: ImageSet, reference: ImageSet) -> Mapping[str, np.ndarray]:
        rows = pair_rows(*differences(images.images, images.spec, labels=None))
        return {score.label: rows for score in self.compute(images, reference)}


@dataclass(frozen=True)
class ClassDiversity(Metric):
    """Mean structural difference of pairs of samples of one class."""

    name: ClassVar[str] = "class-diversity"
    requires: ClassVar[tuple[Requirement, ...]] = (labels, class_condition)
    position: ClassVar[float] = 140
    cost: ClassVar[float] = 0.3
    pairing: ClassVar[Literal["samples", "pairs", "groups"]] = "pairs"

    def compute(self, images: ImageSet, reference: ImageSet) -> list[Score]:
        if images.labels is None or np.unique(images.labels, return_counts=True)[1].max() < 2:
            return []
        return [diversity(images.images, images.spec, labels=images.labels)]

    def contributions(self, images: ImageSet, reference: ImageSet) -> Mapping[str, np.ndarray]:
        scores = self.compute(images, reference)
        rows = pair_rows(*differences(images.images, images.spec, labels=images.labels)) if scores else np.empty(0)
        return {score.label: rows for score in scores}


@dataclass(frozen=True)
class Colour(Metric):
    """Differences of the channels' means and standard deviations to those of the reference."""

    name: ClassVar[str] = "colour"
    position: ClassVar[float] = 150

    def compute(self, images: ImageSet, reference: ImageSet) -> list[Score]:
        own, others = (channel_moments(one.images, images.spec) for one in (images, reference))
        return colour_shift(own, others)
