"""What the images that a training draws for its own use are conditioned on: its previews, and those that the alarm on copies looks at."""

import numpy as np
import torch
from PIL.Image import Image
from torch import Tensor

from debruit.conditioning.batch import ConditionBatch
from debruit.data.dataset import Dataset
from debruit.data.split import split_of
from debruit.images import pictures
from debruit.models.condition_images import shown
from debruit.training.batches import values
from debruit.training.config import Run


def conditions(run: Run, dataset: Dataset, count: int, device: torch.device) -> ConditionBatch:
    """Of `count` images: classes in turn where there is no other condition, else what held-out images have, the same each time."""
    conditioners = run.model.conditioners
    found = {c.field: c.in_turn(range(count)) for c in conditioners}
    if any(value is None for value in found.values()):
        found = values(conditioners, dataset, _shown(run, dataset, count))
    keep = {name: torch.ones(count, dtype=torch.bool, device=device) for name in found}
    return ConditionBatch({name: value.to(device) for name, value in found.items() if value is not None}, keep)


def picture(run: Run, dataset: Dataset, images: Tensor) -> Image:
    """Samples under `conditions`, (N, C, H, W) at rest, beside their masks, images and captions; a plain grid where there are none."""
    captions: list[str] = []
    if any(c.field == "text" for c in run.model.conditioners):
        captions = dataset.conditions(_shown(run, dataset, len(images)), fields={"text"})["text"]
    found = shown(images, run.model, conditions(run, dataset, len(images), torch.device("cpu")), captions=captions)
    return pictures.grid(pictures.displayable(images, run.data)) if found is None else found.picture


def _shown(run: Run, dataset: Dataset, count: int) -> np.ndarray:
    """The images whose conditions are taken: held-out ones where there are any."""
    split = split_of(dataset, run)
    pool, held_out = split.train, split.validation
    return np.resize(held_out if len(held_out) else pool, count)
