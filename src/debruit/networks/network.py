"""The contract of a network's configuration."""

from typing import ClassVar, Protocol, runtime_checkable

from torch import nn


@runtime_checkable
class Network(Protocol):
    """`build` gives a module (x (B, C, *S), noise level (B,), cond) -> (B, out_channels, *S), with S the sizes of the
    axes, (H, W) or (F, H, W); `doors` are those of Cond that it can open, each by a field `<door>_channels`."""

    doors: ClassVar[tuple[str, ...]]

    @property
    def stride(self) -> int: ...
    def build(self, in_channels: int, out_channels: int) -> nn.Module: ...
