"""The protocol of metrics. A new metric is one file of this package, or a class of other code that is registered with
`debruit.register`: `evaluate` measures it where its requirements are met, and reports it everywhere."""

from collections.abc import Mapping
from typing import ClassVar, Literal, Protocol

import numpy as np

from debruit.evaluation.image_set import ImageSet
from debruit.evaluation.requirements import Requirement
from debruit.metrics.paired import left_out
from debruit.metrics.score import Score

LAST = 1000.0  # position in the report of metrics that do not say theirs


class Metric(Protocol):
    """A frozen dataclass that derives from this class and sets what differs from the defaults.

    name: the name in `--metrics`; `gives` are the names of several scores, which `--metrics` takes too
    compares: "samples" with the reference, and real images likewise; or "reconstructions" with their originals
    networks: what the metric needs, among the fields of evaluation/networks.py
    requires: requirements beyond that (evaluation/requirements.py)
    without_mask: whether samples without the mask are measured too, as a baseline
    least: fewest images of either set
    position: order in the report
    cost: computation time in units of a Frechet distance
    pairing: how differences of two models are paired (metrics/paired.py), by the arrays of `contributions`
    """

    name: ClassVar[str]
    gives: ClassVar[tuple[str, ...]] = ()
    compares: ClassVar[Literal["samples", "reconstructions"]] = "samples"
    networks: ClassVar[tuple[str, ...]] = ()
    requires: ClassVar[tuple[Requirement, ...]] = ()
    without_mask: ClassVar[bool] = False
    least: ClassVar[int] = 2
    position: ClassVar[float] = LAST
    cost: ClassVar[float] = 0.1
    pairing: ClassVar[Literal["samples", "pairs", "groups"]] = "groups"

    def compute(self, images: ImageSet, reference: ImageSet) -> list[Score]:
        """The scores of images against the reference, or against their originals."""
        ...

    def contributions(self, images: ImageSet, reference: ImageSet) -> Mapping[str, np.ndarray]:
        """By score label what the interval of a difference needs: by default the score with each group left out."""
        return {label: np.asarray(values) for label, values in left_out(self.compute, images, reference).items()}
