"""From what a user asked for to the values of the conditioners, image by image; and which images keep which condition."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from debruit.conditioning.base import Conditioner
from debruit.errors import InputError

ARGUMENTS = {
    "label": "label",
    "text": "prompt",
    "mask": "mask",
    "image": "image",
}  # field of a condition -> the argument that gives it


@dataclass(frozen=True)
class ConditionBatch:
    """`values` of each conditioner's field, (B, ...), and which images `keep` it, (B,) bool: the others get its "none"."""

    values: Mapping[str, Tensor]
    keep: Mapping[str, Tensor]

    @property
    def any(self) -> bool:
        """Whether any image keeps any condition."""
        return any(bool(keep.any()) for keep in self.keep.values())


def ask(
    conditioners: Sequence[Conditioner], indices: Sequence[int], given: Mapping[str, Any], device: torch.device
) -> ConditionBatch:
    """The conditions of the images of these numbers. `given` holds what was asked for by field, None where nothing was.

    If nothing at all was asked for, each conditioner has its values in turn; else what was not asked for is dropped, and an empty prompt is none.
    InputError: a condition that the model does not have, or one missing that it was never trained without.
    """
    known = {c.field: c for c in conditioners}
    wanted = {name: value for name, value in given.items() if value is not None}
    for name in wanted:
        if name not in known:
            raise InputError(unwanted(name, known))
    values, keep = {}, {}
    for name, conditioner in known.items():
        found = conditioner.parse(wanted[name], indices) if name in wanted else None
        if name not in wanted and (not wanted or conditioner.drop == 0):
            found = conditioner.in_turn(indices)
        if found is None and conditioner.drop == 0:
            raise InputError(f"this model was never trained without its {argument(name)}: give --{argument(name)}")
        kept = [found is not None] * len(indices)
        if name == "text" and found is not None and conditioner.drop > 0:
            kept = _told(wanted.get(name), indices)
        keep[name] = torch.tensor(kept, device=device)
        values[name] = (conditioner.blank(len(indices)) if found is None else found).to(device)
    return ConditionBatch(values, keep)


def without(asked: ConditionBatch, fields: Collection[str]) -> ConditionBatch:
    """The same images, and none keeps these conditions."""
    return ConditionBatch(
        asked.values, {name: torch.zeros_like(keep) if name in fields else keep for name, keep in asked.keep.items()}
    )


def dropped(conditioners: Sequence[Conditioner], asked: ConditionBatch) -> ConditionBatch:
    """The same images without any condition that can be dropped."""
    return without(asked, [c.field for c in conditioners if c.drop > 0])


def argument(field: str) -> str:
    """The argument that gives a condition."""
    return ARGUMENTS.get(field, field)


def field_of(name: str) -> str:
    """The condition that a user means: its field, or the argument that gives it (prompt is text)."""
    return next((field for field, argument in ARGUMENTS.items() if argument == name), name)


def unwanted(field: str, known: Collection[str]) -> str:
    """The sentence for a condition that was given to a model of other conditions, the fields `known`."""
    name = argument(field)
    one = f"{'an' if name[0] in 'aeiou' else 'a'} {name}"
    if not known:
        return f"{one} was given, but this model was trained with no condition at all: leave --{name} out"
    accepts = [argument(c) for c in known]
    instead = " or ".join(f"--{accepted}" for accepted in accepts)
    return f"{one} was given, but this model was trained with {', '.join(accepts)}: leave --{name} out, or give {instead} instead"


def _told(prompts: Any, indices: Sequence[int]) -> list[bool]:
    """Which images have a prompt that says anything. `prompts` is one or several in turn; where nothing was asked for, all have one."""
    if prompts is None:
        return [True] * len(indices)
    texts = [prompts] if isinstance(prompts, str) else list(prompts)
    return [bool(texts[n % len(texts)].strip()) for n in indices]
