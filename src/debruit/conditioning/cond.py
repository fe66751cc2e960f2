"""Conditioning enters a network by three doors."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Protocol, Self, runtime_checkable

import torch
from torch import Tensor, nn


@dataclass(frozen=True, kw_only=True)
class Cond:
    """The conditions of a batch. Several conditioners may fill one door; they stand side by side along its second dimension."""

    vector: Tensor | None = None  # (B, D)        joins the time embedding    class, scalars
    tokens: Tensor | None = None  # (B, L, D)     cross-attention             text
    spatial: Tensor | None = None  # (B, C, H, W)  concatenated to x_t         mask, image, first frame

    def map(self, function: Callable[[Tensor], Tensor]) -> Self:
        """The same doors, each through `function`."""
        doors = {f.name: getattr(self, f.name) for f in fields(self)}
        return type(self)(**{name: None if door is None else function(door) for name, door in doors.items()})

    def concatenate(self, other: "Cond") -> "Cond":
        """Two batches as one: self first. Both fill the same doors."""
        pairs = {f.name: (getattr(self, f.name), getattr(other, f.name)) for f in fields(self)}
        return Cond(**{name: None if a is None or b is None else torch.cat([a, b]) for name, (a, b) in pairs.items()})

    def beside(self, other: "Cond") -> "Cond":
        """The conditions of two conditioners of one batch, side by side in each door."""
        pairs = {f.name: (getattr(self, f.name), getattr(other, f.name)) for f in fields(self)}
        return Cond(
            **{
                name: torch.cat([a, b], dim=1) if a is not None and b is not None else a if b is None else b
                for name, (a, b) in pairs.items()
            }
        )


@runtime_checkable
class Conditioner(Protocol):
    """Reads `field` of the batch and fills `door`. `build()` returns a module (values, keep) -> (B, ...) tensor for that door, in which
    an image with keep = False gets the learned "none"; `drop` is the rate at which training drops it, image by image."""

    field: ClassVar[str]
    door: ClassVar[str]

    @property
    def drop(self) -> float: ...

    @property
    def channels(self) -> int:
        """Width of what it puts through its door."""
        ...

    def parse(self, value: Any, indices: Sequence[int]) -> Sequence | Tensor:
        """What a user asked for, as the values of the images of these numbers; InputError names what is allowed."""
        ...

    def in_turn(self, indices: Sequence[int]) -> Sequence | Tensor:
        """Values for the images of these numbers when nothing was asked for."""
        ...

    def build(self) -> nn.Module: ...
