"""Outpainting: an image continued beyond its sides, by inpainting (inpainting.py) on a larger canvas.

The networks and the autoencoders take any size, so the canvas is walked whole, and every step sees all of the image. A
model knows the size at which it was trained: far beyond it, it repeats itself. What the autoencoder sees beyond the
sides is the repeated last pixel.
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
    """`images` (B, C, H, W) at rest with `margins` pixels painted around: on each side, or (left, top, right, bottom).
    Options as `inpaint`.

    (B, C, top + H + bottom, left + W + right), with the images themselves in it bit by bit. InputError: a negative
    margin, or none at all.
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
    canvas[inside] = images  # values out of the data's range included
    larger, options = both_at_size(model, options, canvas.shape[2], canvas.shape[3])
    return inpaint(larger, canvas, region=region, **options)
