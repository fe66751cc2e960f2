"""Inversion: the noise from which a deterministic sampler gives an image back.

The probability-flow ODE can be solved in both directions. DDIM inversion (Song et al. 2021, section 4.3) is Euler's
step with the times exchanged. Any one-step sampler can go up its grid: Euler is DDIM inversion, of first order, and
Heun its form of second order. At t = 0 eps is undefined (sigma = 0); x_0 is known there, and eps is taken from the
first time above.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from torch import Tensor

from debruit.diffusion.prediction import Estimate
from debruit.diffusion.process import Process
from debruit.editing.batches import EditOptions, check_images, edit_options, in_batches
from debruit.events import notice
from debruit.models.diffusion import Model
from debruit.sampling.ddim import DDIM
from debruit.sampling.euler import Euler
from debruit.sampling.heun import Heun
from debruit.sampling.job import SamplingJob, quietly
from debruit.sampling.loop import Snapshot, trajectory
from debruit.sampling.sampler import Denoise, Sampler, level, name_of


def invert(model: Model, images: Tensor, *, first: int = 0, batch: int = 64, **options: Any) -> Tensor:
    """Return x_1 = sigma(1) eps of `images` (B, C, H, W), the latents (B, c, h, w) at t = 1 from which `redraw` gives
    the images back.

    `sampler` is Heun or Euler (alias DDIM); any other is replaced by Heun, with a notice if it was given. Guidance
    defaults to 1 and clipping to off, since clipped values cannot be restored. Raise InputError as `edit_options` does.
    """
    check_images(model, images)
    edit = edit_options(model, options, first=first, batch=batch)
    sampler = edit.settings.sampler
    replaced = reversible(sampler)
    if "sampler" in edit.given and isinstance(replaced, Heun) and replaced is not sampler:
        notice(f"{name_of(sampler)} cannot be run backwards: heun without noise is used instead")
    return in_batches(model, deterministic(edit), ascend, model.latents(images))


def redraw(model: Model, x: Tensor, *, first: int = 0, batch: int = 64, **options: Any) -> Tensor:
    """Sample images (B, C, H, W), in the dtype of the data, from x_1 (B, c, h, w), with the deterministic sampler of
    `invert` under the same options."""
    edit = deterministic(edit_options(model, options, first=first, batch=batch))
    return model.images(in_batches(model, edit, lambda job, part: job.run(part), x))


def ascend(job: SamplingJob, x0: Tensor) -> Iterator[Snapshot]:
    """Go up the job's grid from x_0, (B, c, h, w), to x_1."""
    times = job.times[::-1]
    denoise = from_clean(job.denoise, job.process, times[1])
    walk = trajectory(denoise, job.process, job.settings.sampler, x0, times, job.noise)
    return quietly(walk, job.device)


def from_clean(denoise: Denoise, process: Process, above: float) -> Denoise:
    """Return the denoiser, extended to t = 0: there x_0 is x, and eps is its estimate at time `above` in alpha x_0."""
    alpha = level(process, above).alpha

    def extended(x: Tensor, t: float) -> Estimate:
        return denoise(x, t) if t > 0 else Estimate(x, denoise(alpha * x, above).eps)

    return extended


def deterministic(edit: EditOptions) -> EditOptions:
    """Return the options with a sampler that can run in both directions, and by default without guidance and clipping,
    so that the way down retraces the way up."""
    plain = {name: value for name, value in {"guidance": 1.0, "clip": False}.items() if name not in edit.given}
    sampler = reversible(edit.settings.sampler)
    return replace(edit, settings=replace(edit.settings, sampler=sampler, **plain))


def reversible(sampler: Sampler) -> Euler | Heun:
    """Return the sampler if it can run in both directions; Euler for DDIM without noise, which it equals; Heun for any
    other."""
    if isinstance(sampler, Heun) and sampler.churn == 0 and sampler.coordinates == "flow":
        return sampler
    same = isinstance(sampler, Euler) or (isinstance(sampler, DDIM) and sampler.eta == 0)
    return Euler() if same else Heun()
