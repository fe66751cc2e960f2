"""Dropout (Srivastava et al. 2014) that threads can share a batch under: each module may draw from a stream of its own, not from torch's global one."""

import torch
from torch import Tensor, nn


class Dropout(nn.Dropout):
    """torch's; where a `stream` is set, its random numbers come from there."""

    stream: torch.Generator | None = None

    def forward(self, input: Tensor) -> Tensor:
        if self.stream is None or not self.training or self.p == 0:
            return super().forward(input)
        kept = torch.empty_like(input).bernoulli_(1 - self.p, generator=self.stream)
        return input * kept.div_(1 - self.p)


def drops(module: nn.Module) -> bool:
    """Whether anything in it is dropped while it trains."""
    return any(layer.p > 0 for layer in _layers(module))


def draw_from(module: nn.Module, seed: int) -> None:
    """Its dropout begins a new stream of this seed, on the device of its weights."""
    stream = None
    for layer in _layers(module):
        stream = stream or torch.Generator(next(module.parameters()).device).manual_seed(seed)
        layer.stream = stream


def _layers(module: nn.Module) -> list[Dropout]:
    return [layer for layer in module.modules() if isinstance(layer, Dropout)]
