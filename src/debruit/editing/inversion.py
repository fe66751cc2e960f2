"""Inversion: the noise from which a deterministic sampler draws a given image.

The probability-flow ODE runs both ways. DDIM inversion (Song et al. 2021, section 4.3) is Euler's step with the times
exchanged, and here any one-step sampler can be walked up its grid: Euler is DDIM's inversion, of first order, and Heun
its form of second order, in the same coordinates as downwards. At t = 0 an estimate of the noise is undefined (sigma =
0); x_0 is known there, and eps is taken from the first time above.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from torch import Tensor

from debruit.diffusion.prediction import Estimate
from debruit.diffusion.process import Process
from debruit.editing.batches import Request, Watch, check_images, request, unseen, walked
from debruit.events import notice
from debruit.models.diffusion import Model
from debruit.sampling.ddim import DDIM
from debruit.sampling.euler import Euler
from debruit.sampling.heun import Heun
from debruit.sampling.job import SamplingJob, quietly
from debruit.sampling.loop import Snapshot, trajectory
from debruit.sampling.sampler import Denoise, Sampler, level, name_of


def invert(
    model: Model, images: Tensor, *, first: int = 0, batch: int = 64, watch: Watch = unseen, **options: Any
) -> Tensor:
    """x_1 of `images` (B, C, H, W) at rest: the latents at t = 1, sigma(1) eps, from which `redraw` gives the images
    back.

    `sampler` is Heun, or Euler alias DDIM; another one that is asked for is replaced by Heun, and said. Unless they are
    given, guidance is 1 and nothing is clipped, since what a clip cuts off does not come back.
    """
    check_images(model, images)
    wanted = request(model, options, first=first, batch=batch, watch=watch)
    sampler = wanted.settings.sampler
    taken = both_ways(sampler)
    if "sampler" in wanted.given and isinstance(taken, Heun) and taken is not sampler:
        notice(f"{name_of(sampler)} cannot be walked backwards: heun without noise is taken in its place")
    return walked(model, deterministic(wanted), ascend, model.latents(images))


def redraw(
    model: Model, x: Tensor, *, first: int = 0, batch: int = 64, watch: Watch = unseen, **options: Any
) -> Tensor:
    """The images (B, C, H, W) at rest that are drawn from x_1, (B, c, h, w), by the deterministic sampler of `invert`
    under the same options."""
    wanted = deterministic(request(model, options, first=first, batch=batch, watch=watch))
    return model.images(walked(model, wanted, lambda drawing, part: drawing.run(part), x))


def ascend(drawing: SamplingJob, x0: Tensor) -> Iterator[Snapshot]:
    """From x_0 up the drawing's grid."""
    times = drawing.times[::-1]
    denoise = from_clean(drawing.denoise, drawing.process, times[1])
    walk = trajectory(denoise, drawing.process, drawing.settings.sampler, x0, times, drawing.noise)
    return quietly(walk, drawing.device)


def from_clean(denoise: Denoise, process: Process, above: float) -> Denoise:
    """The denoiser, defined at t = 0 too: x_0 is x, and eps what it finds at the time `above` in alpha x_0, which that
    time's noise is yet to join."""
    alpha = level(process, above).alpha

    def found(x: Tensor, t: float) -> Estimate:
        return denoise(x, t) if t > 0 else Estimate(x, denoise(alpha * x, above).eps)

    return found


def deterministic(wanted: Request) -> Request:
    """The request with a sampler that can be walked both ways, and the settings with which the way back is the way."""
    plain = {name: value for name, value in {"guidance": 1.0, "clip": False}.items() if name not in wanted.given}
    sampler = both_ways(wanted.settings.sampler)
    return replace(wanted, settings=replace(wanted.settings, sampler=sampler, **plain))


def both_ways(sampler: Sampler) -> Euler | Heun:
    """The sampler itself where it can be walked up as well as down; Euler for DDIM without noise, which it equals; Heun
    for any other."""
    if isinstance(sampler, Heun) and sampler.churn == 0 and sampler.coordinates == "flow":
        return sampler
    same = isinstance(sampler, Euler) or (isinstance(sampler, DDIM) and sampler.eta == 0)
    return Euler() if same else Heun()
