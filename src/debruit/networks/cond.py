"""Conditioning enters a network by three doors."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Self

import torch
from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Cond:
    """The conditions of a batch. Several conditioners may fill one door; they stand side by side along its second
    dimension."""

    vector: Tensor | None = None  # (B, D)        joins the time embedding    class, scalars
    tokens: Tensor | None = None  # (B, L, D)     cross-attention             text
    spatial: Tensor | None = None  # (B, C, H, W)  concatenated to x_t         mask, image, first frame

    def map(self, function: Callable[[Tensor], Tensor]) -> Self:
        """Apply `function` to each door."""
        doors = {f.name: getattr(self, f.name) for f in fields(self)}
        return type(self)(**{name: None if door is None else function(door) for name, door in doors.items()})

    def concatenate(self, other: "Cond") -> "Cond":
        """Two batches as one: self first. Both fill the same doors."""
        pairs = {f.name: (getattr(self, f.name), getattr(other, f.name)) for f in fields(self)}
        return Cond(**{name: None if a is None or b is None else torch.cat([a, b]) for name, (a, b) in pairs.items()})

    def alongside(self, other: "Cond") -> "Cond":
        """The conditions of two conditioners of one batch, side by side in each door."""
        pairs = {f.name: (getattr(self, f.name), getattr(other, f.name)) for f in fields(self)}
        return Cond(
            **{
                name: torch.cat([a, b], dim=1) if a is not None and b is not None else a if b is None else b
                for name, (a, b) in pairs.items()
            }
        )
