"""Conditioning enters a network by three doors."""

from collections.abc import Callable, Mapping, Sequence
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
    """Makes its values, a tensor (B, ...), of `field` of the items of the data, and fills `door`. `build()` returns a module (values, keep) -> (B, ...)
    tensor for that door, in which an image with keep = False gets the learned "none"; `drop` is the rate at which training drops it, image by
    image. What is never dropped, drop = 0, has no "none": its `keep` is always true."""

    field: ClassVar[str]

    @property
    def reads(self) -> str:
        """The item of the data that its values are made of: that of its field, unless it says otherwise."""
        ...

    @property
    def door(self) -> str: ...

    @property
    def drop(self) -> float: ...

    @property
    def channels(self) -> int:
        """Width of what it puts through its door."""
        ...

    def read(self, items: Mapping[str, Any]) -> Tensor:
        """The values of some images of the data: `items` holds their "image" and the "first" frames of their clips (B, C, H, W) at rest, "label",
        "mask" and "text", as the data has them."""
        ...

    def parse(self, value: Any, indices: Sequence[int]) -> Tensor:
        """What a user asked for, as the values of the images of these numbers; InputError names what is allowed."""
        ...

    def in_turn(self, indices: Sequence[int]) -> Tensor | None:
        """Values for the images of these numbers when nothing was asked for; None where that means no condition."""
        ...

    def blank(self, count: int) -> Tensor:
        """Values of the right shape for images that drop this condition."""
        ...

    def fitted(self, factor: int) -> Self:
        """The same for a network that sees latents, whose sides are the images' divided by `factor`; 1 is pixels."""
        ...

    def build(self) -> nn.Module: ...
