"""Outpainting: an image continued beyond its borders, by inpainting (inpainting.py) on a larger canvas.

Networks and autoencoders take any size, so the whole canvas is sampled at once, and every step sees all of the image.
On a canvas much larger than the training images a model repeats itself. The autoencoder sees the margins filled with
the last pixel.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from debruit.editing.batches import check_images
from debruit.editing.inpainting import inpaint
from debruit.editing.resizing import both_at_size
from debruit.errors import InputError
from debruit.models.diffusion import Model

Margins = tuple[int, int, int, int]  # left, top, right, bottom, in pixels


def outpaint(model: Model, images: Tensor, *, margins: int | Margins, **options: Any) -> Tensor:
    """Continue `images` (B, C, H, W), in the dtype of the data, by `margins` pixels: on each side, or (left, top,
    right, bottom). Options as in `inpaint`.

    The result is (B, C, top + H + bottom, left + W + right) and contains the images unchanged to the bit. Raise
    InputError for a negative margin, and if all are 0.
    """
    left, top, right, bottom = (margins,) * 4 if isinstance(margins, int) else margins
    if min(left, top, right, bottom) < 0 or not max(left, top, right, bottom):
        raise InputError(
            f"margins of {left}, {top}, {right}, {bottom} pixels: give 0 or more on each side, and more than 0 on one"
        )
    check_images(model, images)
    sides = (left, right, top, bottom)
    canvas = model.config.data.from_model(F.pad(model.config.data.to_model(images), sides, mode="replicate"))
    region = F.pad(torch.zeros(images.shape[2:], dtype=torch.bool), sides, value=True)
    inside = (..., slice(top, top + images.shape[2]), slice(left, left + images.shape[3]))
    canvas[inside] = images  # unchanged, even values outside of the data's range
    larger, options = both_at_size(model, options, canvas.shape[2], canvas.shape[3])
    return inpaint(larger, canvas, region=region, **options)
