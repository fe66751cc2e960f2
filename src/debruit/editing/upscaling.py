"""Super-resolution by a model that was trained with the small image as its condition (SR3, Saharia et al. 2022).

The small image enters through the spatial door (conditioning/low_res.py). The networks take any size, so an image of
any size is enlarged as a whole, by the scale of the model; only the autoencoder of a latent model decodes large images
in tiles.
"""

from typing import Any

from torch import Tensor

from debruit.conditioning.low_res import LowRes
from debruit.editing.batches import edit_options, in_batches
from debruit.editing.resizing import both_at_size
from debruit.errors import InputError
from debruit.models.config import ModelConfig
from debruit.models.diffusion import Model


def upscale(model: Model, images: Tensor, *, first: int = 0, batch: int = 64, **options: Any) -> Tensor:
    """Enlarge small images (B, C, h, w), in the range of the data, to (B, C, scale h, scale w) in its dtype. `scale` is
    the model's. Options are those of `Model.trajectory` except `image`.

    Raise InputError for a model that was not trained for super-resolution, for other channels than the model's, and as
    `edit_options` does.
    """
    config, data = condition(model), model.config.data
    if images.ndim != 4 or images.shape[1] != data.channels or not len(images):
        raise InputError(
            f"images of shape {tuple(images.shape)} to enlarge, and this model's are (B, {data.channels}, h, w): give "
            "at least one of these"
        )
    larger, options = both_at_size(model, options, images.shape[2] * config.scale, images.shape[3] * config.scale)
    order = [(k - first) % len(images) for k in range(len(images))]  # so that image first + k takes images[k]
    edit = edit_options(larger, options | {"image": images.float()[order]}, first=first, batch=batch)
    return larger.images(in_batches(larger, edit, lambda job, part: job.run(), images))


def condition(model: Model) -> LowRes:
    """Return the model's conditioner of small images. Raise InputError if it has none."""
    if (small := find_condition(model.config)) is not None:
        return small
    names = " and ".join(c.name for c in model.config.conditioners) or "no condition"
    raise InputError(
        f"this model enlarges no images, since it was trained with {names}: train one that does with `debruit train "
        "SOURCE --condition low-res`"
    )


def find_condition(config: ModelConfig) -> LowRes | None:
    """Return the conditioner of small images in a configuration; None if it has none."""
    return next((c for c in config.conditioners if isinstance(c, LowRes)), None)
