"""Inpainting by a model that was not trained for it (RePaint, Lugmayr et al. 2022, algorithm 1).

After each step from t to s the known part is replaced by the image at the noise level of s:

    x_s = m x_s^new + (1 - m) (alpha_s x_0 + sigma_s eps),   eps fresh,   m = 1 where unknown

Steps are repeated so that the two parts agree: after some steps from t down to s, x_t ~ q(x_t | x_s) is sampled and the
same steps are made again. Any sampler and process can be used. A multistep sampler starts without history at each step,
since its history belongs to another known part.
"""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from debruit.editing.batches import check_images, edit_options, in_batches
from debruit.editing.region import as_region, at_latents, put_back
from debruit.errors import InputError
from debruit.models.diffusion import Model
from debruit.sampling.job import SamplingJob, quietly
from debruit.sampling.loop import FirstEstimate, Snapshot
from debruit.sampling.sampler import level, transition

RESAMPLINGS = 4  # how often the steps of a jump are made
JUMP = 1  # steps


def inpaint(
    model: Model,
    images: Tensor,
    *,
    region: Tensor,
    resamplings: int = RESAMPLINGS,
    jump: int = JUMP,
    first: int = 0,
    batch: int = 64,
    **options: Any,
) -> Tensor:
    """Repaint a region of `images`, (B, C, H, W) in the dtype of the data. `region` is (H, W) or (B, H, W), non-zero
    where unknown; all other pixels are returned unchanged to the bit.

    Every `jump` steps are made `resamplings` times, at that many times the cost of sampling. Raise InputError for a
    region of another size, empty or covering everything, for fewer than 1 resampling or step, and as `edit_options`
    does.
    """
    if resamplings < 1 or jump < 1:
        raise InputError(
            f"{resamplings} resamplings over jumps of {jump} steps: give 1 or more of each; with 1 no step is repeated"
        )
    check_images(model, images)
    edit = edit_options(model, options, first=first, batch=batch)
    region, x0 = as_region(region, images), model.latents(images)
    unknown = at_latents(region, model.config.codec.factor).to(x0.device)
    x = in_batches(model, edit, lambda job, *part: repaint(job, *part, resamplings, jump), x0, unknown)
    return put_back(model.images(x), images, region)


def repaint(job: SamplingJob, x0: Tensor, unknown: Tensor, resamplings: int, jump: int) -> Iterator[Snapshot]:
    """Yield snapshots, the last of which is x_0 (B, C, H, W) with its unknown part, (B, 1, H, W) bool, repainted."""
    return quietly(_walk(job, x0, unknown, resamplings, jump), job.device)


def _walk(job: SamplingJob, x0: Tensor, unknown: Tensor, resamplings: int, jump: int) -> Iterator[Snapshot]:
    process, sampler, noise, times = job.process, job.settings.sampler, job.noise, job.times
    moves, estimates = schedule(times, resamplings, jump), FirstEstimate(job.denoise)

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
    """Return the moves (from, to) down the grid: every `jump` steps are made `resamplings` times, with a move back up
    in between. The first `jump` steps are made once, since a move back to pure noise keeps nothing."""
    moves = []
    for start in range(0, len(times) - 1, jump):
        part = times[start : start + jump + 1]
        down = list(pairwise(part))
        again = [(part[-1], part[0]), *down]
        moves += [*down, *(again * (resamplings - 1) if start else [])]
    return moves
