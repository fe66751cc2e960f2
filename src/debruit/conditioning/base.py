"""The protocol of a condition. One condition is one file: a frozen dataclass that derives from `Conditioner`, found by
being there.

    item of the data, or a user's value -> values (B, ...) -> `build(...)`, a trained module -> one door of the network

Other packages add a condition with `debruit.register(cls)` or an entry point (seams.py). Training, sampling, the
command line, evaluation and guidance know a condition only by this protocol. A complete example is in
docs/conditions.md.
"""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, Self, runtime_checkable

import numpy as np
import torch
from torch import Tensor, nn

from debruit.data.dataset import Dataset
from debruit.images.spec import DataSpec
from debruit.rng import Stream
from debruit.seams import implementations

Door = Literal["vector", "tokens", "spatial"]


@dataclass(frozen=True, kw_only=True)
class DataContext:
    """The data from which conditioners are made: the data set, the captions of its training images, and the value of
    --tokenizer."""

    dataset: Dataset
    captions: Sequence[str] = ()
    tokenizer: str | None = None


@runtime_checkable
class Conditioner(Protocol):
    """One condition: reads one item of the data and feeds one door of the network.

    Required are four facts and six methods:

    name    what --condition, `conditions={name: ...}`, --guidance and model files call it
    item    the item of the data that it is made from: "image", "label", "mask", "text" or "first" (items.py)
    door    where it enters the network: "vector", "tokens" or "spatial" (networks/cond.py)
    drop    the probability with which training drops it, for each image by itself. With drop = 0 the model always
            needs the condition and cannot be guided by it; otherwise `build` learns an encoding of "none"

    In the methods, `spec` describes the images of the model, and `factor` is the downsampling factor of the codec
    (1 for a model of pixels).
    """

    name: ClassVar[str]
    item: ClassVar[str]
    if TYPE_CHECKING:  # read-only: fields of a frozen dataclass, or class variables

        @property
        def door(self) -> Door: ...

        @property
        def drop(self) -> float: ...
    else:
        door: Door
        drop: float
    # optional
    keyword: ClassVar[str] = ""  # the argument and flag that give a value, if not the name
    aliases: ClassVar[tuple[str, ...]] = ()  # other names that --condition accepts
    missing: ClassVar[str] = ""  # the end of the error for data without the item: what is missing and how to add it
    by_default: ClassVar[bool] = False  # whether training uses it if the data has its item and --condition is not given
    example: ClassVar[str] = "VALUE"  # a value on the command line, for messages
    tokenized: ClassVar[bool] = False  # whether it trains on the pieces of a tokenizer (--tokenizer)

    @classmethod
    @abstractmethod
    def from_data(cls, context: DataContext) -> Self:
        """Return the conditioner for a data set that has the item."""

    @abstractmethod
    def read(self, items: Mapping[str, Any], spec: DataSpec) -> Tensor:
        """Return the values (B, ...) of a batch of the data.

        `items[self.item]` holds images or first frames (B, C, *S) in the dtype of the data, labels (B,) int64, masks
        (B, H, W) uint8, or a list of B texts.
        """

    @abstractmethod
    def parse(self, value: Any, indices: Sequence[int], spec: DataSpec) -> Tensor:
        """Return the values (B, ...) of the images with these indices, from a user's `value`: a Python object, or a
        string from the command line.

        With several values, image k takes value k modulo their number. Raise InputError, with the allowed values, if
        `value` is invalid.
        """

    @abstractmethod
    def placeholder(self, count: int, spec: DataSpec) -> Tensor:
        """Return valid values (count, ...) for images that drop the condition; `build`'s module ignores them."""

    @abstractmethod
    def width(self, spec: DataSpec, factor: int) -> int:
        """Return the number of channels that the module adds at its door."""

    @abstractmethod
    def build(self, spec: DataSpec, factor: int) -> nn.Module:
        """Return the trained module: (values (B, ...), keep (B,) bool) -> (B, D) for "vector", (B, L, D) for "tokens",
        (B, C, *S) for "spatial". Images with keep = False get the encoding of "none"."""

    def in_turn(self, indices: Sequence[int], spec: DataSpec) -> Tensor | None:
        """Return values for the images with these indices if a user requests no condition at all; None drops it."""
        return None

    @property
    def window(self) -> int:
        """Return what the sides of windows must be multiples of, for training on windows of images; 0 if the condition
        belongs to whole images."""
        return 0

    def degraded(self, values: Tensor, random: Stream, first: int) -> Tensor:
        """Return values (B, ...) that `read` returned, as training shows them to the network. What is random about them
        comes from rows first..first + B - 1 of a table of the stream, which is the condition's alone."""
        return values

    def present(self, values: Tensor) -> Tensor:
        """Return which of the values (B, ...) are a condition, (B,) bool: an empty caption is none."""
        return torch.ones(len(values), dtype=torch.bool, device=values.device)

    def adapted(self, context: DataContext) -> Self:
        """Return a recipe's conditioner, adapted to other data."""
        return self

    def describe(self, context: DataContext) -> list[str]:
        """Return lines to report before a training on this data."""
        return []

    def to_image(self, values: Tensor, spec: DataSpec) -> np.ndarray | None:
        """Return the value of one image as an image (H, W, 3) uint8, to show next to its samples; None if it has no
        visual form."""
        return None


class Conditioned(Protocol):
    """Anything with conditions: in practice the configuration of a model."""

    @property
    def data(self) -> DataSpec: ...

    @property
    def conditioners(self) -> tuple[Conditioner, ...]: ...


def conditions() -> dict[str, type[Conditioner]]:
    """Return every condition by name."""
    classes: list[Any] = list(implementations(Conditioner).values())
    return {cls.name: cls for cls in classes}


def keyword(condition: str | Conditioner | type[Conditioner]) -> str:
    """Return the argument and flag that give a condition, from the condition or its name: "prompt" for text."""
    cls = conditions().get(condition) if isinstance(condition, str) else condition
    return str(condition) if cls is None else cls.keyword or cls.name
