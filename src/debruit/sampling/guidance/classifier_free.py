"""Classifier-free guidance."""

import torch

from debruit.diffusion.denoiser import Denoiser
from debruit.diffusion.prediction import Estimate


def classifier_free(denoiser: Denoiser, cond, none, weight: float):
    """u + w (c - u) on x_0 and eps, the conditional and the unconditional branch in one batch. w = 1 is plain conditional and w = 0 plain
    unconditional: then the other branch is not evaluated. Ho & Salimans 2022 (their w is this w - 1).

    `cond` and `none` are Conds of one batch size; `none` is what dropping a condition gave in training.
    """
    if weight in (0, 1):
        return lambda x, t: denoiser(x, t, cond if weight == 1 else none)
    both = none.concatenate(cond)

    def denoise(x, t) -> Estimate:
        found = denoiser(torch.cat([x, x]), t, both)
        (u0, c0), (ue, ce) = found.x0.chunk(2), found.eps.chunk(2)
        fraction = None if found.fraction is None else found.fraction.chunk(2)[1]
        return Estimate(u0 + weight * (c0 - u0), ue + weight * (ce - ue), fraction)

    return denoise
