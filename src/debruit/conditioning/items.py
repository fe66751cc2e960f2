"""The items of a data set that conditions read: what the data has of them, and the values that conditioners make of
them.

image   the image itself            label   the number of its class        text   one of its captions
first   the first frame of its folder mask    a class number a pixel
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from debruit.annotations.names import position
from debruit.conditioning.base import Conditioned, Conditioner
from debruit.data.dataset import Dataset
from debruit.data.frame_folders import are_sequences
from debruit.data.transforms import flip
from debruit.images.spec import DataSpec

MIRRORED = ("mask", "first")  # items that are mirrored with their image


def has(dataset: Dataset, item: str) -> bool:
    """Whether the data has this item of its images: more than one class, a mask, a caption, sequences of frames."""
    if item == "first":
        return are_sequences(dataset.first_frames)
    beside = {"label": len(dataset.spec.class_names) > 1, "mask": dataset.masks is not None}
    return beside.get(item, True) if item != "text" else dataset.texts is not None


def knows(spec: DataSpec, dataset: Dataset, item: str) -> bool:
    """Whether the data has this item in a form that a model of images of this spec knows: every class must have a name
    in common."""
    there = {"label": dataset.labels is not None, "mask": dataset.masks is not None}.get(item, has(dataset, item))
    return there and all(position(name, classes(spec, item)) is not None for name in classes(dataset.spec, item))


def classes(spec: DataSpec, item: str) -> tuple[str, ...]:
    """The names of the classes that an item's numbers mean; () for an item that is not a number."""
    return {"label": spec.class_names, "mask": spec.mask_names}.get(item, ())


def values_of(
    config: Conditioned,
    conditioners: Sequence[Conditioner],
    dataset: Dataset,
    indices: Sequence[int] | np.ndarray,
    *,
    epochs: np.ndarray | None = None,
    mirrored: np.ndarray | None = None,
    images: Tensor | None = None,
) -> dict[str, Tensor]:
    """What these conditioners make of some images, by name, (B, ...). Items of mirrored images are mirrored; `images`
    are these images, mirrored already. Nothing is read from the data that no conditioner asks for. Class numbers of
    other data become those of the model's classes of the same names."""
    fields = {c.reads for c in conditioners}
    items: dict[str, Any] = dataset.conditions(indices, epochs, fields=fields)
    items |= {name: flip(items[name], mirrored) for name in MIRRORED if name in items}
    for name in ("label", "mask"):
        if name in items:
            items[name] = _renumbered(items[name], classes(dataset.spec, name), classes(config.data, name))
    if "image" in fields:
        items["image"] = flip(dataset.images_of(indices), mirrored) if images is None else images
    return {c.name: c.read(items, config.data) for c in conditioners}


def _renumbered(numbers: Tensor, names: tuple[str, ...], own: tuple[str, ...]) -> Tensor:
    """Class numbers of data with these names as the numbers of the model's `own` names."""
    if names == own:
        return numbers
    found = [position(name, own) for name in names]
    return numbers if None in found else torch.tensor(found, dtype=numbers.dtype)[numbers.long()]
