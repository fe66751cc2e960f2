"""Images of a data set as a model sees them: in its range, with the conditions that the data gives them."""

from collections.abc import Collection
from typing import Any

import numpy as np
import torch
from torch import Tensor

from debruit.annotations.names import position
from debruit.conditioning.base import Conditioner
from debruit.conditioning.batch import ConditionBatch
from debruit.data.dataset import Dataset
from debruit.data.sources.clips import are_clips
from debruit.images.spec import DataSpec
from debruit.models.diffusion import Model
from debruit.networks.cond import Cond


def prepared(model: Model, dataset: Dataset, indices: np.ndarray) -> tuple[Tensor, Cond]:
    """What the model sees of these images, (B, ...) float32 on its device, and their conditions: each image's own where the data has it,
    otherwise dropped."""
    fields = [c.field for c in model.config.conditioners if given(c, dataset)]
    with torch.no_grad():
        x0 = model.latents(dataset.images_of(indices))
        asked = of_images(model, dataset, indices, fields)
        return x0, model.backbone.cond(asked.values, asked.keep)


def of_images(model: Model, dataset: Dataset, indices: np.ndarray, fields: Collection[str]) -> ConditionBatch:
    """The conditions of these fields as the images themselves have them, (B, ...) on the model's device; the model's others are dropped. An image
    without a caption drops that too."""
    reads = {c.reads for c in model.config.conditioners if c.field in fields}
    items = dataset.conditions(indices, fields=reads)
    if "image" in reads:
        items["image"] = dataset.images_of(indices)
    values: dict[str, Tensor] = {}
    keep: dict[str, Tensor] = {}
    for conditioner in model.config.conditioners:
        name, has = conditioner.field, conditioner.field in fields
        value = (
            _numbered(conditioner, dataset.spec, conditioner.read(items)) if has else conditioner.blank(len(indices))
        )
        values[name] = value.to(model.device)
        kept = [has] * len(indices)
        if name == "text" and has and conditioner.drop > 0:
            kept = [bool(caption.strip()) for caption in items["text"]]
        keep[name] = torch.tensor(kept, device=model.device)
    return ConditionBatch(values, keep)


def in_words(model: Model, dataset: Dataset) -> str:
    """What `prepared` conditions on, for the note of a figure."""
    kept = [c.field for c in model.config.conditioners if given(c, dataset)]
    dropped = [c.field for c in model.config.conditioners if not given(c, dataset)]
    words = [f"given each image's own {' and '.join(kept)}"] if kept else []
    words += [f"without a {' or '.join(dropped)}, which this data lacks or names differently"] if dropped else []
    return ", ".join(words) or "of an unconditional model"


def given(conditioner: Conditioner, dataset: Dataset) -> bool:
    """Whether the data has what the conditioner reads; classes, of images and of masks, must all have names that the model knows."""
    if conditioner.reads == "first":
        return are_clips(dataset.first_frames)
    if conditioner.reads == "image":
        return True
    has = getattr(dataset, f"{conditioner.field}s", None) is not None
    names = _names(conditioner.field, dataset.spec)
    return has and (
        names is None or all(position(name, getattr(conditioner, "names", ())) is not None for name in names)
    )


def _names(field: str, spec: DataSpec) -> tuple[str, ...] | None:
    """What the numbers of this field are called in the data; None where it has no numbers."""
    return {"label": spec.class_names, "mask": spec.mask_names}.get(field)


def _numbered(conditioner: Any, spec: DataSpec, values: Tensor) -> Tensor:
    """Classes, of images or of masks, as the model counts them; other fields as they are."""
    names = _names(conditioner.field, spec)
    if names is None or names == conditioner.names:
        return values
    return torch.tensor([position(name, conditioner.names) for name in names], dtype=values.dtype)[values.long()]
