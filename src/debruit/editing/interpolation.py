"""Interpolation: images between two, by spherical interpolation of the noises from which they are drawn (Song et al.
2021, section 5.3).

Both images are inverted (inversion.py), x_1 goes from the one to the other on the sphere (slerp.py), and each x_1 is
drawn by the same deterministic sampler. The ends are the images as inversion gives them back, not the files.
"""

from typing import Any

import torch
from torch import Tensor

from debruit.editing.batches import Watch, stretch, unseen
from debruit.editing.inversion import invert, redraw
from debruit.editing.slerp import slerp
from debruit.errors import InputError
from debruit.models.diffusion import Model


def interpolate(
    model: Model, images: Tensor, *, frames: int = 9, batch: int = 64, watch: Watch = unseen, **options: Any
) -> Tensor:
    """Two images (2, C, H, W) at rest -> (frames, C, H, W), evenly from the first to the second. Options as `invert`.

    One condition holds for all frames; of several, the first and the second are those of the two images in inversion,
    and the frames take them in turn. InputError: other than two images, or fewer than two frames.
    """
    if len(images) != 2:
        raise InputError(f"{len(images)} images to interpolate between: give two")
    if frames < 2:
        raise InputError(f"{frames} frames: give 2 or more, since the first and the last are the images themselves")
    ends = invert(model, images, batch=batch, watch=stretch(watch, 0.0, 2 / (frames + 2)), **options)
    between = torch.cat([slerp(ends[:1], ends[1:], k / (frames - 1)) for k in range(frames)])
    return redraw(model, between, batch=batch, watch=stretch(watch, 2 / (frames + 2), 1.0), **options)
