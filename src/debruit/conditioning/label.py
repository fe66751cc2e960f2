"""A class label as a learned vector."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from debruit.errors import InputError, unknown


@dataclass(frozen=True, kw_only=True)
class Label:
    """One embedding for each class, and a last one for "none". `names` are the classes in the order of their numbers."""

    field: ClassVar[str] = "label"
    door: ClassVar[str] = "vector"
    names: tuple[str, ...]
    channels: int = 128
    drop: float = 0.1

    def parse(self, value: str | int | Sequence[str | int], indices: Sequence[int]) -> Tensor:
        """Class names or numbers, one or several (or "a,b"), in turn: image k gets the one at k mod their number. (B,) int64."""
        asked = value.split(",") if isinstance(value, str) else [value] if isinstance(value, int) else list(value)
        if not asked:
            raise InputError("no label was given: name at least one class")
        numbers = [self._number(item) for item in asked]
        return torch.tensor([numbers[n % len(numbers)] for n in indices])

    def in_turn(self, indices: Sequence[int]) -> Tensor:
        """The classes in turn, for images that nobody asked a class for."""
        return torch.tensor([n % len(self.names) for n in indices])

    def build(self) -> nn.Module:
        return LabelEmbedding(len(self.names), self.channels)

    def _number(self, item: str | int) -> int:
        text = str(item).strip()
        if text in self.names:
            return self.names.index(text)
        if text.isdecimal() and int(text) < len(self.names):
            return int(text)
        raise unknown("label", text, self.names)


class LabelEmbedding(nn.Module):
    """(labels (B,) int64, keep (B,) bool) -> (B, channels)."""

    def __init__(self, classes: int, channels: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(classes + 1, channels)
        self.none = classes

    def forward(self, labels: Tensor, keep: Tensor) -> Tensor:
        return self.embedding(torch.where(keep, labels, self.none))
