"""The variance-preserving cosine process."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class VPCosine:
    """alpha = cos(pi t / 2), sigma = sin(pi t / 2): alpha^2 + sigma^2 = 1. Nichol & Dhariwal 2021, in continuous time,
    without offset."""

    def alpha(self, t: Tensor) -> Tensor:
        # as a sine, so that alpha(1) is 0 exactly
        return torch.sin(math.pi / 2 * (1 - t))

    def sigma(self, t: Tensor) -> Tensor:
        return torch.sin(math.pi / 2 * t)
