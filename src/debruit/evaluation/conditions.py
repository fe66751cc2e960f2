"""Images of a data set as a model sees them: in its range, with the conditions that the data gives them."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from debruit.conditioning.cond import Cond, Conditioner
from debruit.data.dataset import Dataset
from debruit.model import Model


def prepared(model: Model, dataset: Dataset, indices: np.ndarray) -> tuple[Tensor, Cond]:
    """What the model sees of these images, (B, ...) float32 on its device, and their conditions: each image's own where the data has it,
    otherwise dropped."""
    items = dataset.batch(indices)
    values: dict[str, Any] = {}
    keep: dict[str, Tensor] = {}
    with torch.no_grad():
        x0 = model.latents(items["image"])
        for conditioner in model.config.conditioners:
            name, has = conditioner.field, given(conditioner, dataset)
            value = _numbered(conditioner, dataset, conditioner.read(items)) if has else conditioner.blank(len(indices))
            values[name] = value.to(model.device)
            keep[name] = torch.full((len(indices),), has, device=model.device)
        return x0, model.backbone.cond(values, keep)


def in_words(model: Model, dataset: Dataset) -> str:
    """What `prepared` conditions on, for the note of a figure."""
    kept = [c.field for c in model.config.conditioners if given(c, dataset)]
    dropped = [c.field for c in model.config.conditioners if not given(c, dataset)]
    words = [f"given each image's own {' and '.join(kept)}"] if kept else []
    words += [f"without a {' or '.join(dropped)}, which this data lacks or names differently"] if dropped else []
    return ", ".join(words) or "of an unconditional model"


def given(conditioner: Conditioner, dataset: Dataset) -> bool:
    """Whether the data has the conditioner's field; classes must all have names that the model knows."""
    if conditioner.field == "label":
        return dataset.labels is not None and set(dataset.spec.class_names) <= set(getattr(conditioner, "names", ()))
    return conditioner.field == "image" or getattr(dataset, f"{conditioner.field}s", None) is not None


def _numbered(conditioner: Any, dataset: Dataset, values: Any) -> Any:
    """Labels of the data as the model counts its classes; other fields as they are."""
    if conditioner.field != "label":
        return values
    return torch.tensor([conditioner.names.index(name) for name in dataset.spec.class_names])[values]
