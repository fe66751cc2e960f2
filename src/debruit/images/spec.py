"""The shape and meaning of a data set's images.

Data at rest is uint8, uint16 or float32, (C, H, W). Inside a model it is float32 in [-1, 1]: `low` maps to -1 and
`high` to 1.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:  # at run time torch is imported where tensors are made: listing the sources should not wait for it
    import torch


@dataclass(frozen=True, kw_only=True)
class Licence:
    """The terms of a part of the images: what they are called, how many, whose they are, where they come from, and the
    licence by its SPDX identifier."""

    name: str
    count: int
    author: str
    url: str
    licence: str


@dataclass(frozen=True, kw_only=True)
class DataSpec:
    """The shape and the meaning of a data set's images. `frames` is more than 1 where an item is a clip. `low` and
    `high` are the values that map to -1 and 1: 0 and 255 for uint8, 0 and the smallest 2**k - 1 that covers the data
    for uint16, the measured extremes for float32. `lettered` says that a mirror image may mean something else (labelled
    or lettered data), so that flips are the user's choice. `class_ids`: what the classes are called in the files, where
    `class_names` are others. `class_phrases`: how captions name the class of their image, such as "{} style". Masks
    hold numbers of `mask_names`, each drawn in its colour of the `palette` (R, G, B). `mask_numbers` are what stood for
    each class in the files: nothing where these colours did, None where there were no files. `licences`: those of
    built-in sources that ask to be named."""

    name: str
    channels: int
    height: int
    width: int
    depth: str
    low: float
    high: float
    count: int
    class_names: tuple[str, ...] = ()
    class_ids: tuple[str, ...] = ()
    class_phrases: tuple[str, ...] = ()
    mask_names: tuple[str, ...] = ()
    palette: tuple[tuple[int, int, int], ...] = ()
    mask_numbers: tuple[int, ...] | None = None
    lettered: bool = False
    fingerprint: str = ""
    frames: int = 1
    licences: tuple[Licence, ...] = ()

    def __post_init__(self):
        assert self.depth in ("uint8", "uint16", "float32"), self.depth
        assert self.frames >= 1, self.frames
        assert self.high > self.low, (self.low, self.high)
        assert len(self.palette) == len(self.mask_names), (self.palette, self.mask_names)
        assert len(self.class_ids) in (0, len(self.class_names)), (self.class_ids, self.class_names)

    @property
    def sizes(self) -> tuple[int, ...]:
        """(H, W) of an image, (F, H, W) of a clip."""
        return (self.height, self.width) if self.frames == 1 else (self.frames, self.height, self.width)

    @property
    def shape(self) -> tuple[int, ...]:
        """(C, H, W) of an image, (C, F, H, W) of a clip."""
        return self.channels, *self.sizes

    def to_model(self, x: "torch.Tensor") -> "torch.Tensor":
        """Values at rest -> float32 in [-1, 1]."""
        import torch

        return (x.to(torch.float32) - self.low) * (2 / (self.high - self.low)) - 1

    def from_model(self, x: "torch.Tensor") -> "torch.Tensor":
        """The inverse of `to_model`: clamped to the range, rounded where the data is integer, in the data's dtype."""
        import torch

        x = (x.to(torch.float32).clamp(-1, 1) + 1) * ((self.high - self.low) / 2) + self.low
        return x if self.depth == "float32" else x.round().to(getattr(torch, self.depth))


class Skipped(NamedTuple):
    """An item that could not be read, and why."""

    name: str
    reason: str
