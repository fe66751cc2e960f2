"""What the images that a training draws for its own use are conditioned on: its previews, and those that the alarm on
copies looks at."""

import numpy as np
from PIL.Image import Image
from torch import Tensor

from debruit.conditioning.batch import ConditionBatch
from debruit.data.dataset import Dataset
from debruit.data.split import split_of
from debruit.images import figures
from debruit.models.condition_images import shown
from debruit.training.config import Run


def conditions(run: Run, dataset: Dataset, count: int) -> ConditionBatch:
    """The conditions of `count` images: classes in turn where there is no other condition, else those of held-out
    images, the same each time."""
    if all(c.in_turn(range(1), run.model.data) is not None for c in run.model.conditioners):
        return ConditionBatch.in_turn(run.model, range(count))
    return ConditionBatch.from_dataset(run.model, dataset, _shown(run, dataset, count))


def picture(run: Run, dataset: Dataset, images: Tensor) -> Image:
    """Samples under `conditions`, (N, C, H, W) at rest, beside their masks, images and captions; a plain grid where
    there are none."""
    captions: list[str] = []
    if any(c.reads == "text" for c in run.model.conditioners):
        captions = dataset.conditions(_shown(run, dataset, len(images)), fields={"text"})["text"]
    found = shown(images, run.model, conditions(run, dataset, len(images)), captions=captions)
    return figures.grid(figures.displayable(images, run.data)) if found is None else found.image


def _shown(run: Run, dataset: Dataset, count: int) -> np.ndarray:
    """The images whose conditions are taken: held-out ones where there are any."""
    split = split_of(dataset, run)
    pool, held_out = split.train, split.validation
    return np.resize(held_out if len(held_out) else pool, count)
