"""The conditions of samples and of real images.

Samples get the conditions of real images, so that each sample has its counterpart; if a model has no condition but
the class, or the data has none of its conditions, the classes in turn:

    sample k -> image baseline[k mod M] of the data -> its caption, mask, class or small version -> conditions of sample
    k
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import torch
from torch import Tensor

from debruit.conditioning.base import Conditioner, keyword
from debruit.conditioning.batch import ConditionBatch
from debruit.conditioning.items import knows
from debruit.config import Json
from debruit.data.dataset import Dataset
from debruit.errors import InputError
from debruit.evaluation.caption_content import names_class
from debruit.evaluation.splits import EvalSplit, requested_classes
from debruit.models.diffusion import Model
from debruit.networks.cond import Cond


@dataclass(frozen=True)
class SampleConditions:
    """Sample k has the conditions `fields` of image `images[k mod M]` of the data; other conditions of the
    model, such as those that are `missing` in the data or `left_out` by the request, are dropped. If `fields` is None,
    samples have the classes in turn. `classes_by_caption`: the class is no condition, and is requested by captions that
    name it ("a swan, noto style")."""

    dataset: Dataset
    images: np.ndarray
    fields: tuple[str, ...] | None = None
    missing: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    classes_by_caption: bool = False

    def counterparts(self, first: int, count: int) -> np.ndarray:
        """Indices of the images that belong to samples first..first + count - 1."""
        return self.images[np.arange(first, first + count) % len(self.images)]

    def has(self, argument: str) -> bool:
        """Whether samples get a condition of a real image that this argument gives: label, prompt, mask or image."""
        return any(keyword(name) == argument for name in self.fields or ())

    def without(self, condition: str) -> Self:
        """A copy without this condition."""
        assert self.fields is not None
        return replace(self, fields=tuple(name for name in self.fields if name != condition))

    def batch(self, model: Model, first: int, count: int) -> ConditionBatch:
        """The conditions of samples first..first + count - 1, on the model's device."""
        if self.fields is None:
            return ConditionBatch.in_turn(model.config, range(first, first + count)).to(model.device)
        images = self.counterparts(first, count)
        return ConditionBatch.from_dataset(model.config, self.dataset, images, self.fields).to(model.device)

    def labels(self, model: Model, count: int) -> np.ndarray | None:
        """The requested class of each sample by its index in the data, (count,), if `requests_class` of its
        counterpart; None without classes."""
        if self.has("label") or self.classes_by_caption:
            assert self.dataset.labels is not None
            return self.dataset.labels[self.counterparts(0, count)]
        classes = None if self.fields is not None else requested_classes(model, self.dataset.spec)
        return None if classes is None else classes[np.arange(count) % len(classes)]

    def requests_class(self, images: np.ndarray) -> np.ndarray:
        """Whether the conditions of these images of the data request their class, (N,) bool."""
        return names_class(self.dataset, images) if self.classes_by_caption else np.ones(len(images), bool)


def sample_conditions(
    model: Model, dataset: Dataset, split: EvalSplit, only: Sequence[str] | None = None
) -> SampleConditions:
    """The conditions of samples: with a condition beyond the class, all conditions of the baseline images, or `only`
    those of these names.

    InputError if the data lacks, or `only` leaves out, a condition that the model was always trained with; if `only`
    has one that the model or the data lacks.
    """
    conditioners, data = model.config.conditioners, dataset.spec.name
    fields = available(model, dataset)
    for name in only or ():
        if name not in fields:
            raise _not_available(name, model, dataset)
    missing = [c for c in conditioners if c.name not in fields]
    left_out = [c for c in conditioners if only is not None and c.name in fields and c.name not in only]
    if not beyond_class(conditioners) and not left_out:
        return SampleConditions(dataset, split.baseline)
    for conditioner in (*missing, *left_out):
        if conditioner.drop == 0:
            what = keyword(conditioner)
            raise InputError(
                f"this model was never trained without a {what}, and "
                + (
                    f"{data} has none that it knows: evaluate it on data with the {what}s that it was trained on"
                    if conditioner in missing
                    else f"--condition {','.join(only or ()) or 'none'} leaves it out: add {conditioner.name}"
                )
            )
    chosen = tuple(name for name in fields if only is None or name in only)
    made = SampleConditions(
        dataset,
        split.baseline,
        chosen if chosen or left_out else None,
        tuple(c.name for c in missing),
        tuple(c.name for c in left_out),
    )
    return replace(made, classes_by_caption=by_caption(made.has("prompt"), made.has("label"), split))


def _not_available(name: str, model: Model, dataset: Dataset) -> InputError:
    own = [c.name for c in model.config.conditioners]
    if name not in own:
        known = f"give one or more of {', '.join(own)}, or none" if own else "leave the flag out"
        return InputError(f"--condition {name}: the model was trained without it: {known}")
    return InputError(
        f"--condition {name}: {dataset.spec.name} has none that the model knows: evaluate on data with it, or leave it "
        "out"
    )


def by_caption(captions: bool, labels: bool, split: EvalSplit) -> bool:
    """Whether captions request the class, of a model with these conditions."""
    return captions and not labels and split.captions_name_classes


def beyond_class(conditioners: Sequence[Conditioner]) -> bool:
    """Whether a model has another condition than the class."""
    return any(c.item != "label" for c in conditioners)


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
    with torch.no_grad():
        x0 = model.latents(dataset.images_of(indices))
        conditions = ConditionBatch.from_dataset(model.config, dataset, indices, available(model, dataset))
        conditions = conditions.to(model.device)
        return x0, model.backbone.cond(conditions.values, conditions.keep)


def describe(model: Model, dataset: Dataset) -> str:
    """The conditions of `model_inputs`, for the note of a score."""
    names = available(model, dataset)
    keeps = [named(c) for c in model.config.conditioners if c.name in names]
    dropped = [named(c) for c in model.config.conditioners if c.name not in names]
    words = [f"given each image's own {' and '.join(keeps)}"] if keeps else []
    words += [f"without a {' or '.join(dropped)}, which this data lacks or names differently"] if dropped else []
    return ", ".join(words) or "of an unconditional model"


def named(conditioner: Conditioner) -> str:
    """A condition in a sentence: the item of the data that it reads, or its own name."""
    return conditioner.item if conditioner.item in ("label", "mask", "text") else conditioner.name


def available(model: Model, dataset: Dataset) -> tuple[str, ...]:
    """The names of the model's conditions that the data has; the model must know all the names of its classes."""
    config = model.config
    return tuple(c.name for c in config.conditioners if knows(config.data, dataset, c.item))
