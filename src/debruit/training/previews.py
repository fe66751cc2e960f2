"""Conditions of the images that a training samples for itself: for its previews and for the alarm on copies."""

import numpy as np
from PIL.Image import Image
from torch import Tensor

from debruit.conditioning.batch import ConditionBatch
from debruit.data.dataset import Dataset
from debruit.data.split import Split
from debruit.images import figures
from debruit.models.condition_images import condition_sheet
from debruit.training.config import Run


def conditions(run: Run, dataset: Dataset, split: Split, count: int) -> ConditionBatch:
    """Return the conditions of `count` images.

    Classes in turn if there is no other condition, else the conditions of held-out images, always the same ones.
    """
    if all(c.in_turn(range(1), run.model.data) is not None for c in run.model.conditioners):
        return ConditionBatch.in_turn(run.model, range(count))
    return ConditionBatch.from_dataset(run.model, dataset, _shown(split, count))


def preview_image(run: Run, dataset: Dataset, split: Split, images: Tensor) -> Image:
    """Return samples (N, C, H, W) at rest, made with `conditions`, next to their masks, images and captions.

    Without such conditions it is a plain grid.
    """
    captions: list[str] = []
    if any(c.item == "text" for c in run.model.conditioners):
        captions = dataset.conditions(_shown(split, len(images)), fields={"text"})["text"]
    sheet = condition_sheet(images, run.model, conditions(run, dataset, split, len(images)), captions=captions)
    return figures.grid(figures.displayable(images, run.data)) if sheet is None else sheet.image


def _shown(split: Split, count: int) -> np.ndarray:
    """Return the indices of the images whose conditions are used: held-out ones, if there are any."""
    return np.resize(split.validation if len(split.validation) else split.train, count)
