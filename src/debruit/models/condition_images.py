"""Samples next to their conditions, as groups of a contact sheet: masks in their palette with a legend, images, and
prompts as captions."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from torch import Tensor

from debruit.conditioning.batch import ConditionBatch
from debruit.images import figures
from debruit.images.contact_sheet import Group, Sheet, sheet
from debruit.models.config import ModelConfig

Legend = list[tuple[str, tuple[int, int, int]]]


def condition_sheet(
    images: Tensor, config: ModelConfig, batch: ConditionBatch, *, captions: Sequence[str] = ()
) -> Sheet | None:
    """Return a sheet of images at rest, (N, C, H, W), next to the conditions of `batch` that they keep.

    Image n has the caption number n mod len(captions). Return None if there is neither a mask nor an image nor a
    caption: a plain grid then shows as much.
    """
    samples = figures.displayable(images, config.data)
    condition_images = [_condition(config, batch, n) for n in range(len(samples))]
    texts = [captions[n % len(captions)] if captions else "" for n in range(len(samples))]
    if not any(texts) and all(image is None for image in condition_images):
        return None
    groups: dict[Any, list[int]] = {}  # samples with equal conditions
    for n, (text, image) in enumerate(zip(texts, condition_images, strict=True)):
        groups.setdefault((text, None if image is None else image.tobytes()), []).append(n)
    members = [
        Group(samples=samples[ns], numbers=tuple(ns), caption=texts[ns[0]], condition=condition_images[ns[0]])
        for ns in groups.values()
    ]
    return sheet(members, legend=_legend(config, batch))


def _condition(config: ModelConfig, batch: ConditionBatch, n: int) -> np.ndarray | None:
    """Return the first visible condition that image n keeps as an image, (H, W, 3) uint8, or None."""
    for c in config.conditioners:
        if bool(batch.keep[c.name][n]) and (image := c.to_image(batch.values[c.name][n], config.data)) is not None:
            return image
    return None


def _legend(config: ModelConfig, batch: ConditionBatch) -> Legend:
    """Return the classes that occur in the masks, in the order of their numbers, with their colours."""
    mask = next((c.name for c in config.conditioners if c.item == "mask"), None)
    if mask is None or not bool(batch.keep[mask].any()):
        return []
    held = np.unique(batch.values[mask][batch.keep[mask]].cpu().numpy())
    names, palette = config.data.mask_names, config.data.palette
    return [(names[k], tuple(palette[k])) for k in held if k < len(names)]
