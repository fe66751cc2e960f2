"""The items of a data set that conditions read, and the values that conditioners make from them.

image   the image itself
label   the number of its class
mask    the class number of each pixel
text    one of its captions
first   the first frame of its folder
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

MIRRORED = ("mask", "first")  # items that are flipped with their image


def has(dataset: Dataset, item: str) -> bool:
    """Return whether the data has this item: at least two classes, masks, captions, or sequences of frames. Any data
    has images."""
    match item:
        case "label":
            return len(dataset.spec.class_names) > 1
        case "mask":
            return dataset.masks is not None
        case "text":
            return dataset.texts is not None
        case "first":
            return are_sequences(dataset.first_frames)
        case _:
            return True


def knows(spec: DataSpec, dataset: Dataset, item: str) -> bool:
    """Return whether the data has this item in a form that a model on images of `spec` knows: the model must have a
    class of the same name for each class of the data."""
    available = dataset.labels is not None if item == "label" else has(dataset, item)
    return available and all(position(name, classes(spec, item)) is not None for name in classes(dataset.spec, item))


def classes(spec: DataSpec, item: str) -> tuple[str, ...]:
    """Return the class names of an item of class numbers; () for any other item."""
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
    """Return the values of these conditioners for the images with these indices, {name: (B, ...)}.

    With `epochs` (B,) the captions of an image take turns from epoch to epoch; otherwise the first is read. The items
    of flipped images (`mirrored`, (B,) bool) are flipped with them, and `images`, if given, are those images, already
    flipped. Only the items that a conditioner needs are read. Class numbers of other data become the model's numbers
    for classes of the same names.
    """
    fields = {c.item for c in conditioners}
    items: dict[str, Any] = dataset.conditions(indices, epochs, fields=fields)
    items |= {name: flip(items[name], mirrored) for name in MIRRORED if name in items}
    for name in ("label", "mask"):
        if name in items:
            items[name] = _renumbered(items[name], classes(dataset.spec, name), classes(config.data, name))
    if "image" in fields:
        items["image"] = flip(dataset.images_of(indices), mirrored) if images is None else images
    return {c.name: c.read(items, config.data) for c in conditioners}


def _renumbered(numbers: Tensor, names: tuple[str, ...], own: tuple[str, ...]) -> Tensor:
    """Convert class numbers of data with these `names` to those of the model, whose classes are `own`; unchanged if a
    class of the data is not among them."""
    if names == own:
        return numbers
    positions = [position(name, own) for name in names]
    return numbers if None in positions else torch.tensor(positions, dtype=numbers.dtype)[numbers.long()]
