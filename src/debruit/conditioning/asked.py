"""From what a user asked for to the values of the conditioners, image by image; and which images keep which condition."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from debruit.conditioning.cond import Conditioner
from debruit.errors import InputError

ARGUMENTS = {
    "label": "label",
    "text": "prompt",
    "mask": "mask",
    "image": "image",
}  # field of a condition -> the argument that gives it


@dataclass(frozen=True)
class Asked:
    """`values` of each conditioner's field, (B, ...), and which images `keep` it, (B,) bool: the others get its "none"."""

    values: Mapping[str, Tensor]
    keep: Mapping[str, Tensor]

    @property
    def any(self) -> bool:
        """Whether any image keeps any condition."""
        return any(bool(keep.any()) for keep in self.keep.values())


def ask(
    conditioners: Sequence[Conditioner], indices: Sequence[int], given: Mapping[str, Any], device: torch.device
) -> Asked:
    """The conditions of the images of these numbers. `given` holds what was asked for by field, None where nothing was.

    If nothing at all was asked for, each conditioner has its values in turn; else what was not asked for is dropped. InputError: a condition that the
    model does not have, or one missing that it was never trained without.
    """
    known = {c.field: c for c in conditioners}
    wanted = {name: value for name, value in given.items() if value is not None}
    for name in wanted:
        if name not in known:
            accepts = ", ".join(ARGUMENTS.get(c, c) for c in known) or "no condition at all"
            raise InputError(f"a {ARGUMENTS[name]} was given, but this model was trained with {accepts}")
    values, keep = {}, {}
    for name, conditioner in known.items():
        found = conditioner.parse(wanted[name], indices) if name in wanted else None
        if name not in wanted and (not wanted or conditioner.drop == 0):
            found = conditioner.in_turn(indices)
        if found is None and conditioner.drop == 0:
            raise InputError(f"this model was never trained without its {name}: give --{ARGUMENTS[name]}")
        keep[name] = torch.full((len(indices),), found is not None, device=device)
        values[name] = (conditioner.blank(len(indices)) if found is None else found).to(device)
    return Asked(values, keep)


def dropped(conditioners: Sequence[Conditioner], asked: Asked) -> Asked:
    """The same images without any condition that can be dropped."""
    never = {c.field for c in conditioners if c.drop == 0}
    return Asked(
        asked.values, {name: keep if name in never else torch.zeros_like(keep) for name, keep in asked.keep.items()}
    )
