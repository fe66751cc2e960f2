"""The running average of the weights."""

import torch
from torch import nn


@torch.no_grad()
def update(average: nn.Module, weights: nn.Module, decay: float) -> None:
    """Update average <- decay average + (1 - decay) weights in place, leaving parameters alone that are not trained."""
    pairs = zip(average.parameters(), weights.parameters(), strict=True)
    old, new = zip(*[(a, w) for a, w in pairs if w.requires_grad], strict=True)
    torch._foreach_lerp_(old, new, 1 - decay)
