"""A class label as a learned vector, which joins the time embedding, or as one token of cross-attention (Rombach et al. 2022, class models)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self

import torch
from torch import Tensor, nn

from debruit.errors import InputError, unknown
from debruit.ranges import Share, Width


@dataclass(frozen=True, kw_only=True)
class Label:
    """One embedding for each class and, where it is dropped, a last one for "none". `names` are the classes in the order of their numbers."""

    field: ClassVar[str] = "label"
    reads: ClassVar[str] = "label"
    names: tuple[str, ...]
    channels: Width = 128
    drop: Share = 0.1
    door: Literal["vector", "tokens"] = "vector"

    def read(self, items: Mapping[str, Any]) -> Tensor:
        return items["label"]

    def parse(self, value: str | int | Sequence[str | int], indices: Sequence[int]) -> Tensor:
        """Class names or numbers, one or several (or "a,b"), in turn: image k gets the one at k mod their number. (B,) int64."""
        asked = self._several(value) if isinstance(value, str) else [value] if isinstance(value, int) else list(value)
        if not asked:
            raise InputError("no label was given: name at least one class")
        numbers = [self._number(item) for item in asked]
        return torch.tensor([numbers[n % len(numbers)] for n in indices])

    def in_turn(self, indices: Sequence[int]) -> Tensor:
        """The classes in turn, for images that nobody asked a class for."""
        return torch.tensor([n % len(self.names) for n in indices])

    def blank(self, count: int) -> Tensor:
        return torch.zeros(count, dtype=torch.int64)

    def fitted(self, factor: int) -> Self:
        return self

    def build(self) -> nn.Module:
        return LabelEmbedding(self)

    def _several(self, text: str) -> list[str]:
        """ "a,b" is two names; but a name may hold commas itself, and the longest that there is counts."""
        parts, found = text.split(","), []
        while parts:
            joined = (",".join(parts[:n]).strip() for n in range(len(parts), 1, -1))
            name = next((name for name in joined if name in self.names), parts[0])
            parts = parts[name.count(",") + 1 :]
            found.append(name)
        return found

    def _number(self, item: str | int) -> int:
        text = str(item).strip()
        if text in self.names:
            return self.names.index(text)
        if text.isdecimal() and int(text) < len(self.names):
            return int(text)
        raise unknown("label", text, self.names)


class LabelEmbedding(nn.Module):
    """(labels (B,) int64, keep (B,) bool) -> (B, channels), or (B, 1, channels) as tokens."""

    def __init__(self, config: Label) -> None:
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(len(config.names) + (config.drop > 0), config.channels)

    def forward(self, labels: Tensor, keep: Tensor) -> Tensor:
        shown = torch.where(keep, labels, len(self.config.names)) if self.config.drop > 0 else labels
        found = self.embedding(shown)
        return found[:, None] if self.config.door == "tokens" else found
