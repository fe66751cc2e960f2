"""Interpolation: images between two, by spherical interpolation of the noises from which they are sampled (Song et al.
2021, DDIM, section 5.3).

Both images are inverted (inversion.py), x_1 moves from one to the other on the sphere (slerp.py), and each x_1 is
sampled with the same deterministic sampler. The first and last frame are the reconstructions of the two images.
"""

from typing import Any

import torch
from torch import Tensor

from debruit.editing.batches import part
from debruit.editing.inversion import invert, redraw
from debruit.editing.slerp import slerp
from debruit.errors import InputError
from debruit.models.diffusion import Model


def interpolate(model: Model, images: Tensor, *, frames: int = 9, batch: int = 64, **options: Any) -> Tensor:
    """Interpolate two images (2, C, H, W) evenly, (frames, C, H, W) in the dtype of the data. Options as in `invert`.

    One value of a condition holds for all frames. Of several values, the inversion takes the first two for the two
    images, and the frames take them in turn. Raise InputError unless there are two images and at least two frames.
    """
    if len(images) != 2:
        raise InputError(f"{len(images)} images to interpolate between: give two")
    if frames < 2:
        raise InputError(f"{frames} frames: give 2 or more, since the first and the last are the images themselves")
    inverted = 2 / (frames + 2)  # share of the work
    with part(0.0, inverted, frames):
        ends = invert(model, images, batch=batch, **options)
    x_1 = torch.cat([slerp(ends[:1], ends[1:], k / (frames - 1)) for k in range(frames)])
    with part(inverted, 1.0, frames):
        return redraw(model, x_1, batch=batch, **options)
