"""Spherical interpolation (Shoemake 1985), which keeps the norm of noise. On the straight line between two independent
samples the norm falls to 0.71 of it."""

import torch
from torch import Tensor

PARALLEL = 1e-6  # radians: below this angle the straight line is exact enough


def slerp(a: Tensor, b: Tensor, w: float) -> Tensor:
    """Interpolate from a (w = 0) to b (w = 1), (B, ...), for each image: the direction on the great circle, the norm
    linearly.

        sin((1 - w) theta) / sin(theta) a^ + sin(w theta) / sin(theta) b^

    for directions a^ and b^ with the angle theta.
    Exactly a or b at the ends.
    """
    if w in (0, 1):
        return a if w == 0 else b
    flat_a, flat_b = a.flatten(1).double(), b.flatten(1).double()
    norm_a, norm_b = flat_a.norm(dim=1, keepdim=True), flat_b.norm(dim=1, keepdim=True)
    one, two = flat_a / norm_a, flat_b / norm_b
    theta = torch.arccos((one * two).sum(1, keepdim=True).clamp(-1, 1))
    sine = torch.where(theta > PARALLEL, torch.sin(theta), 1.0)
    weights = [torch.where(theta > PARALLEL, torch.sin(v * theta) / sine, v) for v in (1 - w, w)]
    direction = weights[0] * one + weights[1] * two
    return (direction * ((1 - w) * norm_a + w * norm_b)).reshape(a.shape).to(a.dtype)
