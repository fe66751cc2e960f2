"""A conditioner with the images that it is for, so that tests need not repeat them."""

from dataclasses import dataclass, replace
from typing import Any

import torch

from debruit.conditioning.base import Conditioner, DataContext
from debruit.conditioning.batch import ConditionBatch
from debruit.images.spec import DataSpec


@dataclass(frozen=True)
class On:
    """`conditioner` on images of `spec`, under a codec of this factor."""

    conditioner: Any
    spec: DataSpec
    factor: int = 1

    @property
    def channels(self) -> int:
        return self.conditioner.width(self.spec, self.factor)

    def read(self, items):
        return self.conditioner.read(items, self.spec)

    def parse(self, value, indices):
        return self.conditioner.parse(value, indices, self.spec)

    def in_turn(self, indices):
        return self.conditioner.in_turn(indices, self.spec)

    def placeholder(self, count: int):
        return self.conditioner.placeholder(count, self.spec)

    def build(self):
        return self.conditioner.build(self.spec, self.factor)

    def change(self, *, factor: int | None = None, spec: dict | None = None, **changes) -> "On":
        """Another conditioner, spec or factor."""
        return On(
            replace(self.conditioner, **changes),
            replace(self.spec, **(spec or {})),
            self.factor if factor is None else factor,
        )


@dataclass(frozen=True)
class Config:
    """As much of a model's configuration as its conditions need."""

    data: DataSpec
    conditioners: tuple[Conditioner, ...]

    def requested(self, indices=range(4), **given) -> ConditionBatch:
        return ConditionBatch.requested(self, indices, given)


def spec(**has) -> DataSpec:
    """Colour images of 16 x 16 pixels; classes, masks or another size where they are given."""
    plain = {"name": "x", "channels": 3, "height": 16, "width": 16, "depth": "uint8", "low": 0, "high": 255, "count": 1}
    return DataSpec(**(plain | has))


def on_masks(conditioner, names, palette, height: int, width: int, numbers=None, factor: int = 1) -> On:
    has = {"mask_names": tuple(names), "palette": tuple(palette), "mask_numbers": numbers}
    return On(conditioner, spec(height=height, width=width, **has), factor)


def captions(cls, texts, **how):
    """The text condition that is made from these captions."""
    return cls.from_data(DataContext(dataset=None, captions=texts, **how))  # ty: ignore


def kept(batch: ConditionBatch) -> dict[str, list[bool]]:
    return {name: keep.tolist() for name, keep in batch.keep.items()}


ONE = torch.ones(1, dtype=torch.bool)
