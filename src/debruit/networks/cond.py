"""The three doors by which conditions enter a network: vector, tokens and spatial."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Self

import torch
from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Cond:
    """The encoded conditions of a batch. Several conditioners of one door are concatenated along its second dimension.

    vector   (B, D)       added to the time embedding   class, scalars
    tokens   (B, L, D)    cross-attention               text
    spatial  (B, C, *S)   concatenated to x_t           mask, image, first frame
    """

    vector: Tensor | None = None
    tokens: Tensor | None = None
    spatial: Tensor | None = None

    def map(self, function: Callable[[Tensor], Tensor]) -> Self:
        """Apply `function` to each door that is filled."""
        doors = {f.name: getattr(self, f.name) for f in fields(self)}
        return type(self)(**{name: None if door is None else function(door) for name, door in doors.items()})

    def concatenate(self, other: "Cond") -> "Cond":
        """Return two batches as one, self first. Both must fill the same doors."""
        pairs = {f.name: (getattr(self, f.name), getattr(other, f.name)) for f in fields(self)}
        return Cond(**{name: None if a is None or b is None else torch.cat([a, b]) for name, (a, b) in pairs.items()})

    def alongside(self, other: "Cond") -> "Cond":
        """Return the conditions of two conditioners of the same batch, concatenated in each door."""
        pairs = {f.name: (getattr(self, f.name), getattr(other, f.name)) for f in fields(self)}
        return Cond(
            **{
                name: torch.cat([a, b], dim=1) if a is not None and b is not None else a if b is None else b
                for name, (a, b) in pairs.items()
            }
        )
