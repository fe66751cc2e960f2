"""The conditions of a batch of images: the values of each conditioner, and which images keep them.

requested       the values that a user gave, in Python or on the command line
in_turn         the defaults of a model if nothing is requested: its classes in turn
unconditional   none, except those that a model cannot do without
from_dataset    those that images of a data set have
from_values     values that were made before
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

FLAGS = ("label", "prompt", "mask", "image")  # keywords with a flag of their own; others: --condition NAME=VALUE


@dataclass(frozen=True)
class ConditionBatch:
    """`values` of each condition by name, (B, ...), and `keep`, (B,) bool: other images get the encoding of "none"."""

    values: Mapping[str, Tensor]
    keep: Mapping[str, Tensor]

    @classmethod
    def requested(cls, config: Conditioned, indices: Sequence[int], given: Mapping[str, Any]) -> Self:
        """Return the conditions of the images with these indices from a user's values, {name or keyword: value}; None
        counts as not given.

        If nothing is given, this is `in_turn`. Otherwise conditions that are not given are dropped, and an empty prompt
        is dropped too. Raise InputError for a condition that the model does not have, and for a missing one that the
        model cannot do without (drop = 0).
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
        """Return the default conditions of the images with these indices. Raise InputError if one that the
        model always needs (drop = 0) has no default."""
        values = {c.name: c.in_turn(indices, config.data) for c in config.conditioners}
        for c in config.conditioners:
            if c.drop == 0 and values[c.name] is None:
                _in_turn(c, config, indices)
        defaults = {name: value for name, value in values.items() if value is not None}
        return cls.from_values(config, defaults, len(indices))

    @classmethod
    def from_dataset(
        cls, config: Conditioned, dataset: Dataset, indices: Indices, names: Collection[str] | None = None
    ) -> Self:
        """Return the conditions of images of a data set: all of the model's, or only those in `names`."""
        chosen = [c for c in config.conditioners if names is None or c.name in names]
        return cls.from_values(config, values_of(config, chosen, dataset, indices), len(indices))

    @classmethod
    def unconditional(cls, config: Conditioned, indices: Sequence[int]) -> Self:
        """Drop every condition that can be dropped; the others as in `in_turn`."""
        return cls.in_turn(config, indices).dropped(config)

    @classmethod
    def of_items(cls, config: Conditioned, items: Mapping[str, Any], values: Mapping[str, Tensor], count: int) -> Self:
        """Return the conditions of `count` images from their `items`, as `Conditioner.read` takes them. Values in
        `values`, as `parsed` returns them, take precedence; a condition with neither is dropped."""
        read = {
            c.name: c.read(items, config.data) for c in config.conditioners if c.name not in values and c.item in items
        }
        return cls.from_values(config, {**values, **read}, count)

    @classmethod
    def full(cls, config: Conditioned, count: int) -> Self:
        """Return `count` images that keep every condition, with placeholder values: to count and to measure."""
        values = {c.name: c.placeholder(count, config.data) for c in config.conditioners}
        return cls(values, {name: torch.ones(count, dtype=torch.bool) for name in values})

    @classmethod
    def from_values(cls, config: Conditioned, values: Mapping[str, Tensor], count: int) -> Self:
        """Return the batch of these values by name, (count, ...). Conditions without values are dropped, and so are
        empty values (`Conditioner.present`) of a condition that can be dropped."""
        batch, keep, never = {}, {}, torch.zeros(count, dtype=torch.bool)
        for c in config.conditioners:
            if c.name not in values:
                batch[c.name], keep[c.name] = c.placeholder(count, config.data), never
            else:
                batch[c.name] = values[c.name]
                keep[c.name] = ~never if c.drop == 0 else c.present(values[c.name])
        return cls(batch, keep)

    @property
    def any(self) -> bool:
        """Whether any image keeps any condition."""
        return any(bool(keep.any()) for keep in self.keep.values())

    def to(self, device: torch.device) -> Self:
        """Return this batch on a device."""
        values, keep = ({name: x.to(device) for name, x in part.items()} for part in (self.values, self.keep))
        return type(self)(values, keep)

    def repeated(self, count: int) -> Self:
        """Return a batch of `count` copies of this batch of one image."""
        values, keep = (
            {name: x.expand(count, *x.shape[1:]) for name, x in part.items()} for part in (self.values, self.keep)
        )
        return type(self)(values, keep)

    def without(self, names: Collection[str]) -> Self:
        """Return this batch with the named conditions dropped."""
        keep = {name: torch.zeros_like(keep) if name in names else keep for name, keep in self.keep.items()}
        return type(self)(self.values, keep)

    def dropped(self, config: Conditioned) -> Self:
        """Return this batch with every condition dropped that can be."""
        return self.without([c.name for c in config.conditioners if c.drop > 0])


def parsed(config: Conditioned, given: Mapping[str, Any], indices: Sequence[int]) -> dict[str, Tensor]:
    """Return the values of the images with these indices from what a user gave, by the names of the model's conditions.
    Raise InputError as `resolve` and `Conditioner.parse` do."""
    named = resolve(config, given)
    return {c.name: c.parse(named[c.name], indices, config.data) for c in config.conditioners if c.name in named}


def resolve(config: Conditioned, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the given values (those that are not None) by the names of the model's conditions.

    Raise InputError for a name that is misspelt, of a condition that the model does not have, or given twice.
    """
    named: dict[str, Any] = {}
    for name, value in given.items():
        if value is None:
            continue
        condition = find(config.conditioners, name)
        if condition is None:
            raise InputError(not_accepted(name, config.conditioners))
        if condition.name in named:
            raise InputError(
                f"the condition {condition.name} was given twice, by name and as {keyword(condition)}: give one of both"
            )
        named[condition.name] = value
    return named


def find(conditioners: Sequence[Conditioner], name: str) -> Conditioner | None:
    """Return the conditioner with this name or keyword: "prompt" is "text"."""
    by_name = {c.name: c for c in conditioners}
    return by_name.get(name) or {keyword(c): c for c in conditioners}.get(name)


def not_accepted(name: str, conditioners: Sequence[Conditioner]) -> str:
    """Return the error message for a condition given to a model that does not have it."""
    known = {key for cls in conditions().values() for key in (cls.name, cls.keyword or cls.name)}
    accepts = [keyword(c) for c in conditioners]
    if name not in known and (hint := nearest(name, [*accepts, *(c.name for c in conditioners), *known])):
        return f"there is no condition '{name}'{hint}"
    what = keyword(name)
    article = "an" if what[0] in "aeiou" else "a"
    if not accepts:
        return (
            f"{article} {what} was given, but this model was trained with no condition at all: leave {flag(what)} out"
        )
    instead = " or ".join(flag(accepted) for accepted in accepts)
    return (
        f"{article} {what} was given, but this model was trained with {', '.join(accepts)}: "
        f"leave {flag(what)} out, or give {instead} instead"
    )


def flag(name: str) -> str:
    """Return the flag that gives a condition on the command line, from its keyword."""
    return f"--{name}" if name in FLAGS else f"--condition {name}="


def example(conditioner: Conditioner) -> str:
    """Return an example of giving a condition on the command line: --mask FILE, --condition brightness=VALUE."""
    start = flag(keyword(conditioner))
    return f"{start}{conditioner.example}" if start.endswith("=") else f"{start} {conditioner.example}"


def _in_turn(conditioner: Conditioner, config: Conditioned, indices: Sequence[int]) -> Tensor:
    """Return the default values of one condition. Raise InputError if it has none."""
    value = conditioner.in_turn(indices, config.data)
    if value is None:
        name = keyword(conditioner)
        raise InputError(f"this model was never trained without its {name}: give {flag(name)}")
    return value
