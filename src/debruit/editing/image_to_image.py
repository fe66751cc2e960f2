"""Image to image: an image, noised part of the way, and brought back by the model (SDEdit, Meng et al. 2022, algorithm
1).

x_t = alpha(t) x_0 + sigma(t) eps at t = strength, then the rest of the grid down to 0.
"""

from collections.abc import Iterator
from typing import Any

from torch import Tensor

from debruit.editing.batches import Watch, check_images, request, unseen, walked
from debruit.errors import InputError
from debruit.events import notice
from debruit.models.diffusion import Model
from debruit.sampling.job import SamplingJob
from debruit.sampling.loop import Snapshot
from debruit.sampling.sampler import level

FAR = 0.1  # a grid time that lies this far from the strength is said


def image_to_image(
    model: Model,
    images: Tensor,
    *,
    strength: float,
    first: int = 0,
    batch: int = 64,
    watch: Watch = unseen,
    **options: Any,
) -> Tensor:
    """Images near `images`, (B, C, H, W) at rest: little changed at a small strength, and at 1 drawn from noise alone,
    as `Model.generate` does.

    `strength` in (0, 1] is the time at which the walk begins, or the nearest one on the sampler's grid. InputError:
    outside of that; and as `request`.
    """
    if not 0 < strength <= 1:
        raise InputError(
            f"a strength of {strength:g}: give more than 0 (nothing changes) up to 1 (drawn from noise alone)"
        )
    check_images(model, images)
    wanted = request(model, options, first=first, batch=batch, watch=watch)
    times = wanted.settings.grid.times(model.config.process, wanted.settings.steps)
    begin = nearest(times, strength)
    if abs(times[begin] - strength) > FAR:
        notice(
            f"strength {strength:g} begins at {times[begin]:.2g}, the nearest of the grid's {len(times) - 1} steps: "
            "more steps come closer"
        )
    x = walked(model, wanted, lambda drawing, x0: descend(drawing, x0, begin), model.latents(images))
    return model.images(x)


def descend(drawing: SamplingJob, x0: Tensor, begin: int) -> Iterator[Snapshot]:
    """From x_0, noised to the time of number `begin` on the drawing's grid, down the rest of it; from pure noise where
    that is the first."""
    times = drawing.times
    if begin == 0:
        return drawing.run()
    at = level(drawing.process, times[begin])
    return drawing.run(at.alpha * x0 + at.sigma * drawing.noise(), times[begin:])


def nearest(times: list[float], strength: float) -> int:
    """The number of the grid time that is nearest to the strength, the noisier of two equally near; never the last,
    which leaves nothing to walk."""
    return min(range(len(times) - 1), key=lambda k: round(abs(times[k] - strength), 9))
