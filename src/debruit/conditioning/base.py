"""What a conditioner is: it turns one field of the data into what one door of the network takes."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Protocol, Self, runtime_checkable

from torch import Tensor, nn


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
