"""Whether samples show the requested class, by a classifier of the user's labels.

The classifier is applied to images only whose class and whose own pixels were not in its training.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from debruit.evaluation.image_set import ImageSet
from debruit.evaluation.requirements import Requirement, class_condition, judge_data, labels
from debruit.evaluation.scores.metric import Metric
from debruit.metrics import classes
from debruit.metrics.score import Score

CLASSIFIER = ("classifier",)


@dataclass(frozen=True)
class Accuracy(Metric):
    """The share of samples that are classified as the requested class."""

    name: ClassVar[str] = "accuracy"
    networks: ClassVar[tuple[str, ...]] = CLASSIFIER
    requires: ClassVar[tuple[Requirement, ...]] = (labels, class_condition, judge_data)
    position: ClassVar[float] = 50

    def compute(self, images: ImageSet, reference: ImageSet) -> list[Score]:
        logits, targets = classified(images)
        return [classes.class_accuracy(logits, targets, network=images.classifier)] if len(logits) else []


@dataclass(frozen=True)
class ConditionalEntropy(Metric):
    """How certain the classifier is of each sample."""

    name: ClassVar[str] = "conditional-entropy"
    networks: ClassVar[tuple[str, ...]] = CLASSIFIER
    requires: ClassVar[tuple[Requirement, ...]] = (labels, judge_data)
    position: ClassVar[float] = 60

    def compute(self, images: ImageSet, reference: ImageSet) -> list[Score]:
        logits, _ = classified(images)
        return [classes.conditional_entropy(logits, network=images.classifier)] if len(logits) else []


@dataclass(frozen=True)
class InceptionScore(Metric):
    """The inception score by this classifier."""

    name: ClassVar[str] = "inception-score"
    networks: ClassVar[tuple[str, ...]] = CLASSIFIER
    requires: ClassVar[tuple[Requirement, ...]] = (labels, judge_data)
    position: ClassVar[float] = 70

    def compute(self, images: ImageSet, reference: ImageSet) -> list[Score]:
        logits, _ = classified(images)
        return [classes.inception_score(logits, network=images.classifier)] if len(logits) else []


@dataclass(frozen=True)
class AccuracyByClass(Metric):
    """The accuracy of each requested class."""

    name: ClassVar[str] = "accuracy-by-class"
    networks: ClassVar[tuple[str, ...]] = CLASSIFIER
    requires: ClassVar[tuple[Requirement, ...]] = (labels, class_condition, judge_data)
    position: ClassVar[float] = 80

    def compute(self, images: ImageSet, reference: ImageSet) -> list[Score]:
        logits, targets = classified(images)
        if not len(logits):
            return []
        return classes.accuracy_by_class(logits, targets, network=images.classifier, names=images.classes)


def classified(images: ImageSet) -> tuple[np.ndarray, np.ndarray | None]:
    """Logits and targets of the images that the classifier may be applied to."""
    chosen = images.classifiable
    return images.logits[chosen], None if images.targets is None else images.targets[chosen]
