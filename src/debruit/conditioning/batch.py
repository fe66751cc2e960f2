"""The conditions of a batch of images: the values of each conditioner, and which images keep them. This is their only
builder.

requested      what a user gave, in Python or on the command line
from_dataset   what images of a data set have
in_turn        what a model takes where nothing is requested: its classes in turn
blank          images without any condition
of_items       the items of an image, except for what a user gave
from_values    values that were made before
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from debruit.conditioning.base import Conditioned, Conditioner, conditions, keyword
from debruit.conditioning.items import values_of
from debruit.data.dataset import Dataset
from debruit.errors import InputError, nearest

Indices = Sequence[int] | np.ndarray


@dataclass(frozen=True)
class ConditionBatch:
    """`values` of each condition by name, (B, ...), and which images `keep` it, (B,) bool: the others get its "none"."""

    values: Mapping[str, Tensor]
    keep: Mapping[str, Tensor]

    @classmethod
    def requested(cls, config: Conditioned, indices: Sequence[int], given: Mapping[str, Any]) -> Self:
        """The conditions of the images of these numbers from `given`: condition (by name or keyword) -> value, None
        where there is none.

        If nothing is given, as `in_turn`; else what is not given is dropped, and an empty prompt is none. InputError: a
        condition that the model does not have, or one that is missing though the model was never trained without it.
        """
        values = parsed(config, given, indices)
        if not values:
            return cls.in_turn(config, indices)
        for c in config.conditioners:
            if c.drop == 0 and c.name not in values:
                values |= {c.name: _in_turn(c, config, indices)}
        return cls.from_values(config, values, len(indices))

    @classmethod
    def in_turn(cls, config: Conditioned, indices: Sequence[int]) -> Self:
        """The conditions of the images of these numbers where nothing is requested. InputError: a condition without
        which the model was never trained."""
        values = {c.name: c.in_turn(indices, config.data) for c in config.conditioners}
        for c in config.conditioners:
            if c.drop == 0 and values[c.name] is None:
                _in_turn(c, config, indices)
        return cls.from_values(
            config, {name: value for name, value in values.items() if value is not None}, len(indices)
        )

    @classmethod
    def from_dataset(
        cls, config: Conditioned, dataset: Dataset, indices: Indices, names: Collection[str] | None = None
    ) -> Self:
        """The conditions of these names, by default all, that images of a data set have themselves; the model's others
        are dropped."""
        chosen = [c for c in config.conditioners if names is None or c.name in names]
        return cls.from_values(config, values_of(config, chosen, dataset, indices), len(indices))

    @classmethod
    def blank(cls, config: Conditioned, indices: Sequence[int]) -> Self:
        """The images of these numbers without any condition that can be dropped. InputError: a condition without which
        the model was never trained."""
        return cls.in_turn(config, indices).dropped(config)

    @classmethod
    def of_items(cls, config: Conditioned, items: Mapping[str, Any], values: Mapping[str, Tensor], count: int) -> Self:
        """The conditions of `count` images by their `items`, as `Conditioner.read` takes them. A value in `values`, as
        `parsed` returns them, replaces what would be read; a condition of which there is neither is dropped."""
        read = {
            c.name: c.read(items, config.data) for c in config.conditioners if c.name not in values and c.reads in items
        }
        return cls.from_values(config, {**values, **read}, count)

    @classmethod
    def full(cls, config: Conditioned, count: int) -> Self:
        """`count` images that keep every condition, with values of no meaning: for counting and measuring."""
        values = {c.name: c.none(count, config.data) for c in config.conditioners}
        return cls(values, {name: torch.ones(count, dtype=torch.bool) for name in values})

    @classmethod
    def from_values(cls, config: Conditioned, values: Mapping[str, Tensor], count: int) -> Self:
        """The batch of these values by name, (count, ...). An image keeps a condition that has a value; an empty one,
        of a condition that can be dropped, is none."""
        keep, never = {}, torch.zeros(count, dtype=torch.bool)
        for c in config.conditioners:
            has = c.name in values
            keep[c.name] = ~never if has and c.drop == 0 else c.present(values[c.name]) if has else never
        blank = {c.name: c.none(count, config.data) for c in config.conditioners if c.name not in values}
        return cls({c.name: (values if c.name in values else blank)[c.name] for c in config.conditioners}, keep)

    @property
    def any(self) -> bool:
        """Whether any image keeps any condition."""
        return any(bool(keep.any()) for keep in self.keep.values())

    def to(self, device: torch.device) -> Self:
        """The same batch on a device."""
        values, keep = ({name: x.to(device) for name, x in part.items()} for part in (self.values, self.keep))
        return type(self)(values, keep)

    def repeated(self, count: int) -> Self:
        """The one image of this batch `count` times."""
        values, keep = (
            {name: x.expand(count, *x.shape[1:]) for name, x in part.items()} for part in (self.values, self.keep)
        )
        return type(self)(values, keep)

    def without(self, names: Collection[str]) -> Self:
        """The same images with these conditions dropped."""
        keep = {name: torch.zeros_like(kept) if name in names else kept for name, kept in self.keep.items()}
        return type(self)(self.values, keep)

    def dropped(self, config: Conditioned) -> Self:
        """The same images without any condition that can be dropped."""
        return self.without([c.name for c in config.conditioners if c.drop > 0])


def parsed(config: Conditioned, given: Mapping[str, Any], indices: Sequence[int]) -> dict[str, Tensor]:
    """The values of the images of these numbers, by the names of the model's conditions, from what a user gave.
    InputError: as `resolve`, and a value that its condition does not take."""
    named = resolve(config, given)
    return {c.name: c.parse(named[c.name], indices, config.data) for c in config.conditioners if c.name in named}


def resolve(config: Conditioned, given: Mapping[str, Any]) -> dict[str, Any]:
    """What was given (not None), by the names of the model's conditions. InputError: a name that is misspelt, of no
    condition of this model, or given twice."""
    found: dict[str, Any] = {}
    for name, value in given.items():
        if value is None:
            continue
        condition = find(config.conditioners, name)
        if condition is None:
            raise InputError(unwanted(name, config.conditioners))
        if condition.name in found:
            raise InputError(
                f"the condition {condition.name} was given twice, by name and as {keyword(condition)}: give one of both"
            )
        found[condition.name] = value
    return found


def find(conditioners: Sequence[Conditioner], name: str) -> Conditioner | None:
    """The conditioner that a user means by its name or its keyword: "prompt" is "text"."""
    by_name = {c.name: c for c in conditioners}
    return by_name.get(name) or {keyword(c): c for c in conditioners}.get(name)


def unwanted(name: str, conditioners: Sequence[Conditioner]) -> str:
    """The sentence for a condition that was given to a model which does not have it."""
    known = {key for cls in conditions().values() for key in (cls.name, cls.keyword or cls.name)}
    accepts = [keyword(c) for c in conditioners]
    if name not in known and (hint := nearest(name, [*accepts, *(c.name for c in conditioners), *known])):
        return f"there is no condition '{name}'{hint}"
    what = keyword(name)
    one = f"{'an' if what[0] in 'aeiou' else 'a'} {what}"
    if not accepts:
        return f"{one} was given, but this model was trained with no condition at all: leave {flag(what)} out"
    instead = " or ".join(flag(accepted) for accepted in accepts)
    return f"{one} was given, but this model was trained with {', '.join(accepts)}: leave {flag(what)} out, or give {instead} instead"


def flag(name: str) -> str:
    """The flag that gives a condition on the command line, from its keyword."""
    return f"--{name}" if name in FLAGS else f"--condition {name}="


def example(conditioner: Conditioner) -> str:
    """How a condition is given on the command line: --mask FILE, --condition brightness=0.3."""
    start = flag(keyword(conditioner))
    return f"{start}{conditioner.example}" if start.endswith("=") else f"{start} {conditioner.example}"


FLAGS = (
    "label",
    "prompt",
    "mask",
    "image",
)  # keywords with a flag of their own; --condition NAME=VALUE gives any other


def _in_turn(conditioner: Conditioner, config: Conditioned, indices: Sequence[int]) -> Tensor:
    value = conditioner.in_turn(indices, config.data)
    if value is None:
        name = keyword(conditioner)
        raise InputError(f"this model was never trained without its {name}: give {flag(name)}")
    return value
