"""Spherical interpolation (Shoemake 1985), along which noise stays noise: between two independent draws the straight
line loses norm, down to 0.71."""

import torch
from torch import Tensor

PARALLEL = 1e-6  # radians; nearer than this the sphere is flat


def slerp(a: Tensor, b: Tensor, w: float) -> Tensor:
    """From a (w = 0) to b (w = 1), (B, ...), image by image: the direction on the great circle, the norm on the line.

    sin((1 - w) theta) / sin(theta) a^ + sin(w theta) / sin(theta) b^, theta the angle between the directions a^ and b^;
    exact at both ends.
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
