"""Inpainting by a model that was never trained for it (RePaint, Lugmayr et al. 2022, algorithm 1).

Each step from t to s ends with the known part put in its place, at the noise of s:

    x_s = m x_s^new + (1 - m) (alpha_s x_0 + sigma_s eps),   eps fresh,   m = 1 where unknown

So that the two parts agree, steps are walked several times: the way from t down to s ends with a jump back, x_t ~ q(x_t
| x_s), before it is walked again. Any sampler and any process will do. The memory of a multistep sampler tells of a
path that the known part has left: it begins anew at each step.
"""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from debruit.editing.batches import Watch, check_images, request, unseen, walked
from debruit.editing.region import as_region, at_latents, put_back
from debruit.errors import InputError
from debruit.models.diffusion import Model
from debruit.sampling.job import SamplingJob, quietly
from debruit.sampling.loop import FirstEstimate, Snapshot
from debruit.sampling.sampler import level, transition

RESAMPLINGS = 4  # how often each way is walked
JUMP = 1  # steps of a way


def inpaint(
    model: Model,
    images: Tensor,
    *,
    region: Tensor,
    resamplings: int = RESAMPLINGS,
    jump: int = JUMP,
    first: int = 0,
    batch: int = 64,
    watch: Watch = unseen,
    **options: Any,
) -> Tensor:
    """`images` (B, C, H, W) at rest with the region painted anew: (H, W) or (B, H, W), non-zero where unknown. All
    other pixels come back bit by bit.

    Each way of `jump` steps is walked `resamplings` times, at that many times the cost of sampling. InputError: a
    region of another size, empty, or of everything; fewer than 1 resampling or step of a jump; and as `request`.
    """
    if resamplings < 1 or jump < 1:
        raise InputError(
            f"{resamplings} resamplings over jumps of {jump} steps: give 1 or more of each; 1 resampling is none"
        )
    check_images(model, images)
    wanted = request(model, options, first=first, batch=batch, watch=watch)
    region, x0 = as_region(region, images), model.latents(images)
    unknown = at_latents(region, model.config.codec.factor).to(x0.device)
    x = walked(model, wanted, lambda drawing, *part: repaint(drawing, *part, resamplings, jump), x0, unknown)
    return put_back(model.images(x), images, region)


def repaint(drawing: SamplingJob, x0: Tensor, unknown: Tensor, resamplings: int, jump: int) -> Iterator[Snapshot]:
    """The walk: x_0 (B, C, H, W) and where it is unknown, (B, 1, H, W) bool -> snapshots whose last one is x_0 with the
    unknown part painted."""
    return quietly(_walk(drawing, x0, unknown, resamplings, jump), drawing.device)


def _walk(drawing: SamplingJob, x0: Tensor, unknown: Tensor, resamplings: int, jump: int) -> Iterator[Snapshot]:
    process, sampler, noise, times = drawing.process, drawing.settings.sampler, drawing.noise, drawing.times
    moves, estimates = schedule(times, resamplings, jump), FirstEstimate(drawing.denoise)

    def imposed(x: Tensor, t: float) -> Tensor:
        at = level(process, t)
        return torch.where(unknown, x, at.alpha * x0 + (at.sigma * noise() if at.sigma > 0 else 0))

    x = imposed(level(process, times[0]).sigma * noise(), times[0])
    yield Snapshot(x, times[0], 0, len(moves))
    for k, (t, s) in enumerate(moves, start=1):
        estimates.forget()
        if s < t:
            x, _ = sampler.step(estimates, process, x, t, s, None, noise)
            x = imposed(x, s)
        else:
            back = transition(process, s, t)
            x = back.alpha * x + back.variance**0.5 * noise()
        yield estimates.snapshot(x, s, k, len(moves))


def schedule(times: list[float], resamplings: int, jump: int) -> list[tuple[float, float]]:
    """The moves (from, to) down the grid in ways of `jump` steps, each walked `resamplings` times with a move back up
    in between. The way from pure noise is walked once: a jump back to there forgets everything."""
    moves = []
    for start in range(0, len(times) - 1, jump):
        way = times[start : start + jump + 1]
        down = list(pairwise(way))
        again = [(way[-1], way[0]), *down]
        moves += [*down, *(again * (resamplings - 1) if start else [])]
    return moves
