"""A class label as a condition: a learned vector, added to the time embedding, or one token of cross-attention (Rombach
et al. 2022, class-conditional models).

A class is given by its name, or by its index in the model. If any class has a number as its name, numbers are names
only: with the classes 0 to 4 and 6 to 9 there is no class 5.
"""

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self

import torch
from torch import Tensor, nn

from debruit.annotations.image_classes import number_in
from debruit.conditioning.base import Conditioner, DataContext
from debruit.errors import SHOWN, InputError, unknown
from debruit.images.spec import DataSpec
from debruit.ranges import Share, Width
from debruit.text.wording import some


@dataclass(frozen=True, kw_only=True)
class Label(Conditioner):
    """One embedding of `channels` numbers for each class of the data and, if drop > 0, a last one for "none". Class
    names are DataSpec.class_names and, as they stand in the files, DataSpec.class_ids."""

    name: ClassVar[str] = "label"
    item: ClassVar[str] = "label"
    missing: ClassVar[str] = "it has no classes: put the images into subfolders"
    by_default: ClassVar[bool] = True
    example: ClassVar[str] = "NAME"
    channels: Width = 128
    drop: Share = 0.1
    door: Literal["vector", "tokens"] = "vector"

    @classmethod
    def from_data(cls, context: DataContext) -> Self:
        return cls()

    def read(self, items: Mapping[str, Any], spec: DataSpec) -> Tensor:
        return items["label"]

    def parse(self, value: Any, indices: Sequence[int], spec: DataSpec) -> Tensor:
        """Return the class indices (B,) int64 of one or several names or numbers ("a,b" is two), in turn. Raise
        InputError for an unknown class, and if there is none."""
        value = value.tolist() if hasattr(value, "tolist") else value  # of numpy and torch
        several = isinstance(value, Sequence) and not isinstance(value, str)
        items = _separated(value, spec) if isinstance(value, str) else list(value) if several else [value]
        if not items:
            raise InputError("no label was given: name at least one class")
        numbers = [class_number(item, spec) for item in items]
        return torch.tensor([numbers[n % len(numbers)] for n in indices])

    def in_turn(self, indices: Sequence[int], spec: DataSpec) -> Tensor:
        """Return the classes in turn: image k has class k modulo their number."""
        return torch.tensor([n % len(spec.class_names) for n in indices])

    def placeholder(self, count: int, spec: DataSpec) -> Tensor:
        return torch.zeros(count, dtype=torch.int64)

    def width(self, spec: DataSpec, factor: int) -> int:
        return self.channels

    def build(self, spec: DataSpec, factor: int) -> nn.Module:
        return LabelEmbedding(self, len(spec.class_names))


class LabelEmbedding(nn.Module):
    """(labels (B,) int64, keep (B,) bool) -> (B, channels) as vectors, or (B, 1, channels) as tokens."""

    def __init__(self, config: Label, classes: int) -> None:
        super().__init__()
        self.config, self.classes = config, classes
        self.embedding = nn.Embedding(classes + (config.drop > 0), config.channels)

    def forward(self, labels: Tensor, keep: Tensor) -> Tensor:
        chosen = torch.where(keep, labels, self.classes) if self.config.drop > 0 else labels
        vectors = self.embedding(chosen)
        return vectors[:, None] if self.config.door == "tokens" else vectors


def class_number(item: str | int, spec: DataSpec) -> int:
    """Return the index of the class that a user names: an exact name first, then one that differs only in surrounding
    spaces, in the Unicode form of its letters, or in how its number is written. Raise InputError for an unknown
    class."""
    text = str(item)
    for same in (str, str.strip, _cleaned):
        for known in (spec.class_names, spec.class_ids):
            matches = [n for n, name in enumerate(known) if name == text or same(name) == same(text)]
            matches = [n for n in matches if known[n] == text] or matches
            if len(matches) == 1:
                return matches[0]
    number = number_in(text.strip())
    named = (*spec.class_names, *spec.class_ids)
    if number is not None and any(number_in(name.strip()) is not None for name in named):
        raise _no_such_number(text.strip(), spec)
    if number is not None and number == int(number) and 0 <= number < len(spec.class_names):
        return int(number)
    raise unknown("label", text.strip(), spec.class_names)


def _separated(text: str, spec: DataSpec) -> list[str]:
    """Split "a,b" into two names; a name may contain commas, and the longest known name is taken."""
    known, parts, separated = {*spec.class_names, *spec.class_ids}, text.split(","), []
    while parts:
        joined = [",".join(parts[:n]) for n in range(len(parts), 1, -1)]
        name = next((name for name in joined if name in known or name.strip() in known), parts[0])
        parts = parts[name.count(",") + 1 :]
        separated.append(name)
    return separated


def _no_such_number(text: str, spec: DataSpec) -> InputError:
    numbered = [name for name in (*spec.class_names, *spec.class_ids) if number_in(name.strip()) is not None]
    also = "" if set(numbered) <= set(spec.class_names) else f", also called {some(numbered, SHOWN)}"
    return InputError(
        f"unknown label '{text}': classes of this model have numbers as names, so a number is a name and not an index; "
        f"allowed: {some(spec.class_names, SHOWN)}{also}"
    )


def _cleaned(name: str) -> str:
    """Normalise a name: "é" as one character, 07 as 7."""
    name = unicodedata.normalize("NFC", name.strip())
    number = number_in(name)
    return name if number is None else str(number.normalize() + 0)
