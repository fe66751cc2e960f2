"""Variations: images around one. Its noise is found by inversion (inversion.py), turned on the sphere part of the way
towards fresh noise, and drawn again."""

from typing import Any

from torch import Tensor

from debruit.editing.batches import Watch, check_images, stretch, unseen
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
    watch: Watch = unseen,
    **options: Any,
) -> Tensor:
    """One variation of each image (B, C, H, W) at rest; for several of one, repeat it. Options as `invert`.

    `amount` in (0, 1] is how far x_1 goes towards fresh noise: at 1 nothing of the image is left. InputError: outside
    of that.
    """
    if not 0 < amount <= 1:
        raise InputError(
            f"variations by an amount of {amount:g}: give more than 0 (the image itself) up to 1 (another image)"
        )
    check_images(model, images)
    options |= {"seed": seed, "first": first, "batch": batch}
    own = invert(model, images, watch=stretch(watch, 0.0, 0.5), **options)
    indices = range(first, first + len(images))
    fresh = ImageNoise(seed, indices, own.shape[1:], own.device, purpose=Purpose.VARIATION)()
    towards = level(model.config.process, 1.0).sigma * fresh
    return redraw(model, slerp(own, towards, amount), watch=stretch(watch, 0.5, 1.0), **options)
