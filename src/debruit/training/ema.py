"""The running average of the weights."""

import torch
from torch import nn


@torch.no_grad()
def update(average: nn.Module, weights: nn.Module, decay: float) -> None:
    """average <- decay average + (1 - decay) weights, in place."""
    torch._foreach_lerp_(list(average.parameters()), list(weights.parameters()), 1 - decay)
