"""Kernel distance and manifold metrics of samples and reference, in the features of one network."""

from dataclasses import dataclass
from typing import ClassVar

from debruit.evaluation.image_set import ImageSet
from debruit.evaluation.scores.metric import Metric
from debruit.metrics.kernel import kid
from debruit.metrics.manifold import manifold
from debruit.metrics.score import Score

NEIGHBOURS = 5  # as in Naeem et al. 2020


@dataclass(frozen=True)
class KID(Metric):
    """Kernel inception distance."""

    name: ClassVar[str] = "kid"
    networks: ClassVar[tuple[str, ...]] = ("features",)
    position: ClassVar[float] = 30
    cost: ClassVar[float] = 0.5

    def compute(self, images: ImageSet, reference: ImageSet) -> list[Score]:
        return [kid(images.features, reference.features, network=images.network)]


@dataclass(frozen=True)
class Manifold(Metric):
    """Precision, recall, density and coverage, of equally many images on both sides."""

    name: ClassVar[str] = "manifold"
    gives: ClassVar[tuple[str, ...]] = ("precision", "recall", "density", "coverage")
    networks: ClassVar[tuple[str, ...]] = ("features",)
    least: ClassVar[int] = NEIGHBOURS + 1
    position: ClassVar[float] = 40
    cost: ClassVar[float] = 0.3

    def compute(self, images: ImageSet, reference: ImageSet) -> list[Score]:
        alike = reference.features[: len(images)]  # the metrics depend on the number of points of both sets
        return manifold(images.features, alike, network=images.network, neighbours=NEIGHBOURS)
