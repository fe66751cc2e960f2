"""The conditions of samples and of real images.

Samples get the conditions of real images, so that each sample has its counterpart; if a model has no condition but
the class, or the data has none of its conditions, the classes in turn:

    sample k -> image baseline[k mod M] of the data -> its caption, mask, class or small version -> conditions of sample
    k
"""

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from debruit.annotations.names import position
from debruit.conditioning.base import Conditioner
from debruit.conditioning.batch import ConditionBatch, argument, ask
from debruit.config import Json
from debruit.data.dataset import Dataset
from debruit.data.frame_folders import are_sequences
from debruit.errors import InputError
from debruit.evaluation.splits import EvalSplit, requested_classes
from debruit.images.spec import DataSpec
from debruit.models.diffusion import Model
from debruit.networks.cond import Cond


@dataclass(frozen=True)
class SampleConditions:
    """Sample k is drawn with the conditions `fields` of image `images[k mod M]` of the data; other conditions of the
    model, such as those that are `missing` in the data, are dropped. If `fields` is None, samples have the classes in
    turn."""

    dataset: Dataset
    images: np.ndarray
    fields: tuple[str, ...] | None = None
    missing: tuple[str, ...] = ()

    def counterparts(self, first: int, count: int) -> np.ndarray:
        """Indices of the images that belong to samples first..first + count - 1."""
        return self.images[np.arange(first, first + count) % len(self.images)]

    def has(self, field: str) -> bool:
        """Whether samples get this condition of a real image."""
        return self.fields is not None and field in self.fields

    def without(self, field: str) -> Self:
        """A copy without this condition."""
        assert self.fields is not None
        return replace(self, fields=tuple(name for name in self.fields if name != field))

    def batch(self, model: Model, first: int, count: int) -> ConditionBatch:
        """The conditions of samples first..first + count - 1, on the model's device."""
        if self.fields is None:
            return ask(model.config.conditioners, range(first, first + count), {}, model.device)
        return image_conditions(model, self.dataset, self.counterparts(first, count), self.fields)

    def labels(self, model: Model, count: int) -> np.ndarray | None:
        """The requested class of each sample by its index in the data, (count,); None without classes."""
        if self.has("label"):
            assert self.dataset.labels is not None
            return self.dataset.labels[self.counterparts(0, count)]
        classes = None if self.fields is not None else requested_classes(model, self.dataset.spec)
        return None if classes is None else classes[np.arange(count) % len(classes)]


def sample_conditions(model: Model, dataset: Dataset, split: EvalSplit) -> SampleConditions:
    """The conditions of samples: with a condition beyond the class, all conditions of the baseline images.

    InputError if the data lacks a condition that the model was always trained with.
    """
    conditioners = model.config.conditioners
    missing = [c for c in conditioners if not available(c, dataset)]
    fields = tuple(c.field for c in conditioners if c not in missing)
    if not beyond_class(conditioners):
        return SampleConditions(dataset, split.baseline)
    for conditioner in missing:
        if conditioner.drop == 0:
            what = argument(conditioner.field)
            raise InputError(
                f"this model was never trained without a {what}, and {dataset.spec.name} has none that it knows: "
                f"evaluate it on data with the {what}s that it was trained on"
            )
    return SampleConditions(dataset, split.baseline, fields or None, tuple(c.field for c in missing))


def beyond_class(conditioners: Sequence[Conditioner]) -> bool:
    """Whether a model has another condition than the class."""
    return any(c.field != "label" for c in conditioners)


def digest(conditions: ConditionBatch) -> Json:
    """A digest of the values and of which images keep them."""
    hashed = hashlib.sha256()
    for name in sorted(conditions.values):
        values, keep = conditions.values[name].cpu(), conditions.keep[name].cpu()
        hashed.update(f"{name} {values.dtype} {tuple(values.shape)}".encode())
        hashed.update(values.contiguous().numpy().tobytes() + keep.numpy().tobytes())
    return hashed.hexdigest()[:32]


def model_inputs(model: Model, dataset: Dataset, indices: np.ndarray) -> tuple[Tensor, Cond]:
    """x_0 of these images, (B, ...) float32 on the model's device, and their conditions: each image's own if the data
    has it, otherwise dropped."""
    fields = [c.field for c in model.config.conditioners if available(c, dataset)]
    with torch.no_grad():
        x0 = model.latents(dataset.images_of(indices))
        conditions = image_conditions(model, dataset, indices, fields)
        return x0, model.backbone.cond(conditions.values, conditions.keep)


def image_conditions(model: Model, dataset: Dataset, indices: np.ndarray, fields: Collection[str]) -> ConditionBatch:
    """The conditions `fields` of these images, (B, ...) on the model's device; the model's other conditions are
    dropped, and so is the text of an image without a caption."""
    reads = {c.reads for c in model.config.conditioners if c.field in fields}
    items = dataset.conditions(indices, fields=reads)
    if "image" in reads:
        items["image"] = dataset.images_of(indices)
    values: dict[str, Tensor] = {}
    keep: dict[str, Tensor] = {}
    for conditioner in model.config.conditioners:
        name, has = conditioner.field, conditioner.field in fields
        value = (
            _renumbered(conditioner, dataset.spec, conditioner.read(items)) if has else conditioner.blank(len(indices))
        )
        values[name] = value.to(model.device)
        keeps = [has] * len(indices)
        if name == "text" and has and conditioner.drop > 0:
            keeps = [bool(caption.strip()) for caption in items["text"]]
        keep[name] = torch.tensor(keeps, device=model.device)
    return ConditionBatch(values, keep)


def describe(model: Model, dataset: Dataset) -> str:
    """The conditions of `model_inputs`, for the note of a score."""
    keeps = [c.field for c in model.config.conditioners if available(c, dataset)]
    dropped = [c.field for c in model.config.conditioners if not available(c, dataset)]
    words = [f"given each image's own {' and '.join(keeps)}"] if keeps else []
    words += [f"without a {' or '.join(dropped)}, which this data lacks or names differently"] if dropped else []
    return ", ".join(words) or "of an unconditional model"


def available(conditioner: Conditioner, dataset: Dataset) -> bool:
    """Whether the data has what the conditioner reads; the model must know all its class names."""
    if conditioner.reads == "first":
        return are_sequences(dataset.first_frames)
    if conditioner.reads == "image":
        return True
    has = getattr(dataset, f"{conditioner.field}s", None) is not None
    names = _names(conditioner.field, dataset.spec)
    return has and (
        names is None or all(position(name, getattr(conditioner, "names", ())) is not None for name in names)
    )


def _names(field: str, spec: DataSpec) -> tuple[str, ...] | None:
    """The class names of this field in the data; None for fields without classes."""
    return {"label": spec.class_names, "mask": spec.mask_names}.get(field)


def _renumbered(conditioner: Any, spec: DataSpec, values: Tensor) -> Tensor:
    """Class indices of the data as those of the model; values of other fields unchanged."""
    names = _names(conditioner.field, spec)
    if names is None or names == conditioner.names:
        return values
    return torch.tensor([position(name, conditioner.names) for name in names], dtype=values.dtype)[values.long()]
