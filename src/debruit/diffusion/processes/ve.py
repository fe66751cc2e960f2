"""The variance-exploding process."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from debruit.ranges import Positive


@dataclass(frozen=True, kw_only=True)
class VE:
    """alpha = 1, sigma(t) = sigma_min (r^t - 1) with r = 1 + sigma_max / sigma_min: geometric but for small t, and
    sigma(0) = 0 exactly. Song et al. 2021, section 3.4; the range is that of EDM (Karras et al. 2022)."""

    sigma_min: Positive = 0.002
    sigma_max: Positive = 80.0

    def alpha(self, t: Tensor) -> Tensor:
        return torch.ones_like(t)

    def sigma(self, t: Tensor) -> Tensor:
        return self.sigma_min * torch.expm1(t * math.log1p(self.sigma_max / self.sigma_min))
