"""Dropout (Srivastava et al. 2014) that threads can share a batch under: what a layer drops follows from a seed of its own, not from torch's global stream.

Every pass begins the stream of its seed anew, so that one which checkpointing repeats for the backward pass drops the same.
"""

import torch
from torch import Tensor, nn

GOLDEN = 0x9E3779B1  # spreads the numbers of layers over all seeds


class Dropout(nn.Dropout):
    """torch's; where it has a `seed`, its random numbers come from there."""

    seed: int | None = None

    def forward(self, input: Tensor) -> Tensor:
        if self.seed is None or not self.training or self.p == 0:
            return super().forward(input)
        stream = torch.Generator(input.device).manual_seed(self.seed)
        kept = torch.empty_like(input).bernoulli_(1 - self.p, generator=stream)
        return input * kept.div_(1 - self.p)


def drops(module: nn.Module) -> bool:
    """Whether anything in it is dropped while it trains."""
    return any(layer.p > 0 for layer in _layers(module))


def draw_from(module: nn.Module, seed: int) -> None:
    """Each of its dropout layers gets a seed of its own from this one, until it is given another."""
    for n, layer in enumerate(_layers(module)):
        layer.seed = (seed + n * GOLDEN) % 2**32  # torch takes these bits of a seed alone


def _layers(module: nn.Module) -> list[Dropout]:
    return [layer for layer in module.modules() if isinstance(layer, Dropout)]
