"""Classifier-free guidance: away from the estimate under fewer conditions."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from debruit.diffusion.denoiser import Denoiser
from debruit.diffusion.prediction import Estimate

# (x_t, t) -> the guided estimate, and the conditional one that it was guided from
Guided = Callable[[Tensor, float], tuple[Estimate, Estimate]]


def classifier_free(denoiser: Denoiser, branches: Sequence[tuple[float, Any]]) -> Guided:
    """sum_k a_k D(x, t, c_k) on x_0 and eps, for branches (a_k, c_k), a number and a Cond; the a_k have the sum 1.
    Returned together with D under the last condition.

    Two branches, (1 - w, none) and (w, cond), are u + w (c - u): Ho & Salimans 2022, https://arxiv.org/abs/2207.12598
    (their w is this w - 1). More are the chain rule of several conditions (weights.coefficients), as in InstructPix2Pix
    (Brooks et al. 2023, equation 3). All go through the network as one batch, those whose coefficient is 0 are left
    out, and one that is left alone is exactly the network's own estimate. A learned variance is that of the last.
    """
    evaluated = [(a, cond) for a, cond in branches if a != 0]
    if len(evaluated) == 1:
        return alone(lambda x, t: denoiser(x, t, evaluated[0][1]))
    weights, (first, *others) = [a for a, _ in evaluated], [cond for _, cond in evaluated]
    conds = first
    for cond in others:
        conds = conds.concatenate(cond)

    def guided(x: Tensor, t: float) -> tuple[Estimate, Estimate]:
        estimate = denoiser(torch.cat([x] * len(weights)), t, conds)
        x0, eps = estimate.x0.chunk(len(weights)), estimate.eps.chunk(len(weights))
        fraction = None if estimate.fraction is None else estimate.fraction.chunk(len(weights))[-1]
        return Estimate(_sum(weights, x0), _sum(weights, eps), fraction), Estimate(x0[-1], eps[-1], fraction)

    return guided


def alone(denoise: Callable[[Tensor, float], Estimate]) -> Guided:
    """No guidance: both estimates are the same one."""

    def guided(x: Tensor, t: float) -> tuple[Estimate, Estimate]:
        estimate = denoise(x, t)
        return estimate, estimate

    return guided


def _sum(weights: Sequence[float], parts: Sequence[Tensor]) -> Tensor:
    total = weights[0] * parts[0]
    for weight, part in zip(weights[1:], parts[1:], strict=True):
        total = total + weight * part
    return total
