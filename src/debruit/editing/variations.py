"""Variations: images near one. Its noise is found by inversion (inversion.py), moved part of the way towards fresh
noise on the sphere (slerp.py), and sampled again."""

from typing import Any

from torch import Tensor

from debruit.editing.batches import check_images, part
from debruit.editing.inversion import invert, redraw
from debruit.editing.slerp import slerp
from debruit.errors import InputError
from debruit.models.diffusion import Model
from debruit.rng import Purpose
from debruit.sampling.noise import ImageNoise
from debruit.sampling.sampler import level

AMOUNT = 0.25


def vary(
    model: Model,
    images: Tensor,
    *,
    amount: float = AMOUNT,
    seed: int = 0,
    first: int = 0,
    batch: int = 64,
    **options: Any,
) -> Tensor:
    """Return one variation of each image (B, C, H, W), in the dtype of the data. Options as in `invert`.

    `amount` in (0, 1] is how far x_1 moves towards fresh noise: at 1 nothing of the image is left. Raise InputError for
    other values.
    """
    if not 0 < amount <= 1:
        raise InputError(
            f"variations by an amount of {amount:g}: give more than 0 (the image itself) up to 1 (another image)"
        )
    check_images(model, images)
    options |= {"seed": seed, "first": first, "batch": batch}
    with part(0.0, 0.5, len(images)):
        x_1 = invert(model, images, **options)
    indices = range(first, first + len(images))
    fresh = ImageNoise(seed, indices, x_1.shape[1:], x_1.device, purpose=Purpose.VARIATION)()
    target = level(model.config.process, 1.0).sigma * fresh
    with part(0.5, 1.0, len(images)):
        return redraw(model, slerp(x_1, target, amount), **options)
