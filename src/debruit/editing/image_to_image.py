"""Image to image: noise an image part of the way, and denoise it (SDEdit, Meng et al. 2022, algorithm 1).

x_t = alpha(t) x_0 + sigma(t) eps at t = strength, then the rest of the grid down to 0
"""

from collections.abc import Iterator
from typing import Any

from torch import Tensor

from debruit.editing.batches import check_images, edit_options, in_batches
from debruit.errors import InputError
from debruit.events import notice
from debruit.models.diffusion import Model
from debruit.sampling.job import SamplingJob
from debruit.sampling.loop import Snapshot
from debruit.sampling.sampler import level

FAR = 0.1  # a notice is sent if the nearest grid time is farther than this from the strength


def image_to_image(
    model: Model, images: Tensor, *, strength: float, first: int = 0, batch: int = 64, **options: Any
) -> Tensor:
    """Return images near `images`, (B, C, H, W) in the dtype of the data.

    `strength` in (0, 1] is the time from which the image is denoised, or the nearest one on the sampler's grid: small
    values change little, and 1 samples from noise alone, as `Model.generate` does. Raise InputError for other values,
    and as `edit_options` does.
    """
    if not 0 < strength <= 1:
        raise InputError(
            f"a strength of {strength:g}: give more than 0 (nothing changes) up to 1 (sampled from noise alone)"
        )
    check_images(model, images)
    edit = edit_options(model, options, first=first, batch=batch)
    times = edit.settings.grid.times(model.config.process, edit.settings.steps)
    begin = nearest(times, strength)
    if abs(times[begin] - strength) > FAR:
        notice(
            f"strength {strength:g} begins at {times[begin]:.2g}, the nearest of the grid's {len(times) - 1} steps: "
            "more steps come closer"
        )
    x = in_batches(model, edit, lambda job, x0: descend(job, x0, begin), model.latents(images))
    return model.images(x)


def descend(job: SamplingJob, x0: Tensor, begin: int) -> Iterator[Snapshot]:
    """Noise x_0 (B, ...) to time `begin` of the job's grid, an index, and sample down the rest of it; from pure noise
    if that is the first time."""
    times = job.times
    if begin == 0:
        return job.run()
    at = level(job.process, times[begin])
    return job.run(at.alpha * x0 + at.sigma * job.noise(), times[begin:])


def nearest(times: list[float], strength: float) -> int:
    """Return the index of the grid time nearest to the strength, the noisier one of two equally near; never the last
    time, which leaves no step."""
    return min(range(len(times) - 1), key=lambda k: round(abs(times[k] - strength), 9))
