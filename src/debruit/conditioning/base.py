"""What a condition is. One condition is one file: a frozen dataclass that derives from `Conditioner`, found because it
is there.

    the data, or a user's value  ->  values (B, ...)  ->  `build(...)`, a trained module  ->  one door of the network (networks/cond.py)

Another package adds a condition by `debruit.register(cls)`, or by an entry point (seams.py). Everything else asks the
conditioner: training, sampling, the command line, evaluation and guidance know conditions by their names alone.
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
from debruit.seams import implementations

Door = Literal["vector", "tokens", "spatial"]


@dataclass(frozen=True, kw_only=True)
class DataContext:
    """What conditioners are made from: the data set, the captions of its training images, and the tokenizer that
    --tokenizer names."""

    dataset: Dataset
    captions: Sequence[str] = ()
    tokenizer: str | None = None


@runtime_checkable
class Conditioner(Protocol):
    """Reads one item of the data and fills one door of the network.

    `name` is what --condition, `conditions={name: ...}`, --guidance and model files call it. `reads` is the item of the
    data that it is made of: "image", "label", "mask", "text" or "first" (items.py). `door` is the door that it fills,
    and `drop` the rate at which training drops it, image by image; a condition that is never dropped, drop = 0, has no
    learned "none".

    A `spec` describes the images of the model, and `factor` is the number of pixels of a latent position each way (1
    for a model on pixels).
    """

    name: ClassVar[str]
    reads: ClassVar[str]
    if TYPE_CHECKING:  # read-only: fields of a frozen dataclass, or class variables

        @property
        def door(self) -> Door: ...

        @property
        def drop(self) -> float: ...
    else:
        door: Door
        drop: float
    # what follows has defaults
    keyword: ClassVar[str] = ""  # the argument and the flag that give a value, where it is not the name
    aliases: ClassVar[tuple[str, ...]] = ()  # other names that --condition takes
    lacks: ClassVar[str] = ""  # said of data without its item
    usual: ClassVar[bool] = False  # whether a training takes it where the data has its item and no condition was named
    example: ClassVar[str] = "VALUE"  # of a value on the command line
    tokenized: ClassVar[bool] = False  # whether it learns the pieces of a tokenizer

    @classmethod
    @abstractmethod
    def from_data(cls, context: DataContext) -> Self:
        """The conditioner for a data set that has its item."""

    @abstractmethod
    def read(self, items: Mapping[str, Any], spec: DataSpec) -> Tensor:
        """The values (B, ...) of some images of the data. `items[reads]` is their item: images and first frames (B, C,
        *S) at rest, labels (B,) int64, masks (B, H, W) uint8, or a list of B texts."""

    @abstractmethod
    def parse(self, value: Any, indices: Sequence[int], spec: DataSpec) -> Tensor:
        """The values of the images of these numbers from what a user gave, in Python or as a string of the command
        line. Several values are taken in turn. InputError says what is allowed."""

    @abstractmethod
    def none(self, count: int, spec: DataSpec) -> Tensor:
        """Values of the right shape for `count` images that drop this condition."""

    @abstractmethod
    def width(self, spec: DataSpec, factor: int) -> int:
        """Channels that it puts through its door."""

    @abstractmethod
    def build(self, spec: DataSpec, factor: int) -> nn.Module:
        """The trained module: (values (B, ...), keep (B,) bool) -> (B, D), (B, L, D) or (B, C, *S), for its door;
        images whose `keep` is False get "none"."""

    def in_turn(self, indices: Sequence[int], spec: DataSpec) -> Tensor | None:
        """Values for the images of these numbers where no condition at all is requested; None drops the condition."""
        return None

    def present(self, values: Tensor) -> Tensor:
        """Which images have the condition at all, (B,) bool: an empty caption is none."""
        return torch.ones(len(values), dtype=torch.bool, device=values.device)

    def adapted(self, context: DataContext) -> Self:
        """This conditioner of a recipe for a real data set."""
        return self

    def describe(self, context: DataContext) -> list[str]:
        """Lines to report before a training on this data."""
        return []

    def picture(self, values: Tensor, spec: DataSpec) -> np.ndarray | None:
        """One image's values as a picture (H, W, 3) uint8 beside its sample; None where there is nothing to see."""
        return None


class Conditioned(Protocol):
    """Whatever has conditions: the configuration of a model."""

    @property
    def data(self) -> DataSpec: ...

    @property
    def conditioners(self) -> tuple[Conditioner, ...]: ...


def conditions() -> dict[str, type[Conditioner]]:
    """Every condition by its name."""
    found: list[Any] = list(implementations(Conditioner).values())
    return {cls.name: cls for cls in found}


def keyword(condition: str | Conditioner | type[Conditioner]) -> str:
    """The argument and flag by which a condition is given, from the condition or its name: text is given by `prompt`."""
    cls = conditions().get(condition) if isinstance(condition, str) else condition
    return str(condition) if cls is None else cls.keyword or cls.name
