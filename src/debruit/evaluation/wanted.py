"""What samples are asked for: the conditions of real images, so that each has its counterpart; or, where a model has no others, the classes in turn.

sample k -> the image floor[k mod M] of the data -> its caption, mask, class or small version -> the conditions of sample k
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from debruit.conditioning.base import Conditioner
from debruit.conditioning.batch import ConditionBatch, argument, ask
from debruit.config import Json
from debruit.data.dataset import Dataset
from debruit.errors import InputError
from debruit.evaluation.conditions import given, of_images
from debruit.evaluation.image_set import EvalSplit, asked_classes
from debruit.models.diffusion import Model


@dataclass(frozen=True)
class Wanted:
    """Sample k is drawn under the `fields` of image `images[k mod M]` of the data; what the model has beside them, such as the fields that the data is
    `lacking`, is dropped. Without `fields`, None, it is drawn as a model draws when nothing is asked for: its classes in turn."""

    dataset: Dataset
    images: np.ndarray
    fields: tuple[str, ...] | None = None
    lacking: tuple[str, ...] = ()

    def counterparts(self, first: int, count: int) -> np.ndarray:
        """The images of the data that belong to samples first..first + count - 1."""
        return self.images[np.arange(first, first + count) % len(self.images)]

    def has(self, field: str) -> bool:
        """Whether samples are drawn under this condition of a real image."""
        return self.fields is not None and field in self.fields

    def without(self, field: str) -> Self:
        """The same samples, this condition dropped and all others kept."""
        assert self.fields is not None
        return replace(self, fields=tuple(name for name in self.fields if name != field))

    def asked(self, model: Model, first: int, count: int) -> ConditionBatch:
        """The conditions of samples first..first + count - 1, as the model reads them."""
        if self.fields is None:
            return ask(model.config.conditioners, range(first, first + count), {}, model.device)
        return of_images(model, self.dataset, self.counterparts(first, count), self.fields)

    def labels(self, model: Model, count: int) -> np.ndarray | None:
        """The class asked for in each sample, by its number in the data, (count,); None where none is."""
        if self.has("label"):
            assert self.dataset.labels is not None
            return self.dataset.labels[self.counterparts(0, count)]
        classes = None if self.fields is not None else asked_classes(model, self.dataset.spec)
        return None if classes is None else classes[np.arange(count) % len(classes)]


def want(model: Model, dataset: Dataset, division: EvalSplit) -> Wanted:
    """What is asked of this model: with a condition beside the class, all conditions of the images that stand in the samples' place, those first that it
    never saw. InputError where the data lacks what the model was never trained without."""
    conditioners = model.config.conditioners
    lacking = [c for c in conditioners if not given(c, dataset)]
    fields = tuple(c.field for c in conditioners if c not in lacking)
    if not beyond_class(conditioners):
        return Wanted(dataset, division.floor)
    _check(lacking, dataset)
    return Wanted(dataset, division.floor, fields or None, tuple(c.field for c in lacking))


def beyond_class(conditioners: Sequence[Conditioner]) -> bool:
    """Whether a model has another condition than the class."""
    return any(c.field != "label" for c in conditioners)


def digest(asked: ConditionBatch) -> Json:
    """A digest of conditions, value by value: what determines samples beside their noise and their settings."""
    found = hashlib.sha256()
    for name in sorted(asked.values):
        values, keep = asked.values[name].cpu(), asked.keep[name].cpu()
        found.update(f"{name} {values.dtype} {tuple(values.shape)}".encode())
        found.update(values.contiguous().numpy().tobytes() + keep.numpy().tobytes())
    return found.hexdigest()[:32]


def _check(lacking: Sequence[Conditioner], dataset: Dataset) -> None:
    for conditioner in lacking:
        if conditioner.drop == 0:
            what = argument(conditioner.field)
            raise InputError(
                f"this model was never trained without a {what}, and {dataset.spec.name} has none that it knows: evaluate it on data with the {what}s "
                "that it was trained on"
            )
