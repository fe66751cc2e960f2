"""A class label as a learned vector, which joins the time embedding, or as one token of cross-attention (Rombach et al.
2022, class models).

A class is asked for by its name, or by its number in the model. Where a class is called by a number, a number is a name
and nothing else: with the classes 0 to 4 and 6 to 9 there is no class 5.
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
    """One embedding for each class of the data and, where it is dropped, a last one for "none". A class is found by its
    name (DataSpec.class_names) or by what it is called in the files (DataSpec.class_ids)."""

    name: ClassVar[str] = "label"
    reads: ClassVar[str] = "label"
    lacks: ClassVar[str] = "it has no classes: put the images into subfolders"
    usual: ClassVar[bool] = True
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
        """Class names or numbers, one or several (or "a,b"), in turn: image k gets the one at k mod their number. (B,)
        int64. InputError: none, or one that is no class."""
        value = value.tolist() if hasattr(value, "tolist") else value  # of numpy and torch
        several = isinstance(value, Sequence) and not isinstance(value, str)
        items = _separated(value, spec) if isinstance(value, str) else list(value) if several else [value]
        if not items:
            raise InputError("no label was given: name at least one class")
        numbers = [class_number(item, spec) for item in items]
        return torch.tensor([numbers[n % len(numbers)] for n in indices])

    def in_turn(self, indices: Sequence[int], spec: DataSpec) -> Tensor:
        """The classes in turn."""
        return torch.tensor([n % len(spec.class_names) for n in indices])

    def none(self, count: int, spec: DataSpec) -> Tensor:
        return torch.zeros(count, dtype=torch.int64)

    def width(self, spec: DataSpec, factor: int) -> int:
        return self.channels

    def build(self, spec: DataSpec, factor: int) -> nn.Module:
        return LabelEmbedding(self, len(spec.class_names))


class LabelEmbedding(nn.Module):
    """(labels (B,) int64, keep (B,) bool) -> (B, channels), or (B, 1, channels) as tokens."""

    def __init__(self, config: Label, classes: int) -> None:
        super().__init__()
        self.config, self.classes = config, classes
        self.embedding = nn.Embedding(classes + (config.drop > 0), config.channels)

    def forward(self, labels: Tensor, keep: Tensor) -> Tensor:
        chosen = torch.where(keep, labels, self.classes) if self.config.drop > 0 else labels
        vectors = self.embedding(chosen)
        return vectors[:, None] if self.config.door == "tokens" else vectors


def class_number(item: str | int, spec: DataSpec) -> int:
    """The number of the class that a user means: an exact name first, then one that differs in spaces around it, in the
    form of its letters or in how its number is written. InputError: no such class."""
    text = str(item)
    for same in (str, str.strip, _cleaned):
        for known in (spec.class_names, spec.class_ids):
            found = [n for n, name in enumerate(known) if name == text or same(name) == same(text)]
            found = [n for n in found if known[n] == text] or found
            if len(found) == 1:
                return found[0]
    number = number_in(text.strip())
    named = (*spec.class_names, *spec.class_ids)
    if number is not None and any(number_in(name.strip()) is not None for name in named):
        raise _no_such_number(text.strip(), spec)
    if number is not None and number == int(number) and 0 <= number < len(spec.class_names):
        return int(number)
    raise unknown("label", text.strip(), spec.class_names)


def _separated(text: str, spec: DataSpec) -> list[str]:
    """ "a,b" is two names; but a name may hold commas itself, and the longest that there is counts."""
    known, parts, found = {*spec.class_names, *spec.class_ids}, text.split(","), []
    while parts:
        joined = [",".join(parts[:n]) for n in range(len(parts), 1, -1)]
        name = next((name for name in joined if name in known or name.strip() in known), parts[0])
        parts = parts[name.count(",") + 1 :]
        found.append(name)
    return found


def _no_such_number(text: str, spec: DataSpec) -> InputError:
    numbered = [name for name in (*spec.class_names, *spec.class_ids) if number_in(name.strip()) is not None]
    also = "" if set(numbered) <= set(spec.class_names) else f", also called {some(numbered, SHOWN)}"
    return InputError(
        f"unknown label '{text}': classes of this model are called by numbers, so that a number is a name and not a "
        "place among the "
        f"classes; allowed: {some(spec.class_names, SHOWN)}{also}"
    )


def _cleaned(name: str) -> str:
    """A name without what two ways of writing it differ in: "é" as one character or two, 07 and 7."""
    name = unicodedata.normalize("NFC", name.strip())
    number = number_in(name)
    return name if number is None else str(number.normalize() + 0)
