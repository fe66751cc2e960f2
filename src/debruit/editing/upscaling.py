"""Super-resolution: an image, larger, by a model that was trained to draw the large one under the small one (SR3,
Saharia et al. 2022).

The small image enters through the spatial door (conditioning/low_res.py). The networks take any size, so that an image
of any size is enlarged whole, by the model's scale; only the autoencoder of a latent model goes over a large one in
tiles.
"""

from typing import Any

from torch import Tensor

from debruit.conditioning.low_res import LowRes
from debruit.editing.batches import Watch, request, unseen, walked
from debruit.editing.resizing import both_at_size
from debruit.errors import InputError
from debruit.models.diffusion import Model


def upscale(
    model: Model, images: Tensor, *, first: int = 0, batch: int = 64, watch: Watch = unseen, **options: Any
) -> Tensor:
    """Small images (B, C, h, w) at rest -> (B, C, scale h, scale w), the model's own scale. Options are those of
    `Model.trajectory` but `image`.

    InputError: a model that was not trained for it; other channels than the model's; and as `request`.
    """
    config, data = condition(model), model.config.data
    if images.ndim != 4 or images.shape[1] != data.channels or not len(images):
        raise InputError(
            f"images of shape {tuple(images.shape)} to enlarge, and this model's are (B, {data.channels}, h, w): give "
            "at least one of these"
        )
    larger, options = both_at_size(model, options, images.shape[2] * config.scale, images.shape[3] * config.scale)
    turns = images.float()[
        [(k - first) % len(images) for k in range(len(images))]
    ]  # image k takes number first + k in turn
    wanted = request(larger, options | {"image": turns}, first=first, batch=batch, watch=watch)
    return larger.images(walked(larger, wanted, lambda drawing, part: drawing.run(), images))


def condition(model: Model) -> LowRes:
    """The conditioner of small images. InputError where the model has none."""
    for conditioner in model.config.conditioners:
        if isinstance(conditioner, LowRes):
            return conditioner
    names = " and ".join(c.name for c in model.config.conditioners) or "no condition"
    raise InputError(
        f"this model enlarges no images, since it was trained with {names}: train one that does with `debruit train "
        "SOURCE --condition low-res`"
    )
