"""A class label as a learned vector, which joins the time embedding, or as one token of cross-attention (Rombach et al. 2022, class models).

A class is asked for by its name, or by its number in the model. Where a class is called by a number, a number is a name and nothing else: with the
classes 0 to 4 and 6 to 9 there is no class 5.
"""

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import torch
from torch import Tensor, nn

from debruit.annotations.image_classes import number_in
from debruit.errors import SHOWN, InputError, unknown
from debruit.ranges import Share, Width
from debruit.text.wording import some

if TYPE_CHECKING:
    from debruit.images.spec import DataSpec


@dataclass(frozen=True, kw_only=True)
class Label:
    """One embedding for each class and, where it is dropped, a last one for "none". `names` are the classes in the order of their numbers, `ids` what they are
    called in the files of the data, where that is something else: a class is found by either."""

    field: ClassVar[str] = "label"
    reads: ClassVar[str] = "label"
    names: tuple[str, ...]
    channels: Width = 128
    drop: Share = 0.1
    door: Literal["vector", "tokens"] = "vector"
    ids: tuple[str, ...] = ()

    @classmethod
    def suited(cls, spec: "DataSpec") -> Self:
        """For the classes of this data."""
        return cls(names=spec.class_names, ids=spec.class_ids)

    def read(self, items: Mapping[str, Any]) -> Tensor:
        return items["label"]

    def parse(self, value: Any, indices: Sequence[int]) -> Tensor:
        """Class names or numbers, one or several (or "a,b"), in turn: image k gets the one at k mod their number. (B,) int64. InputError: none, or one that is
        no class."""
        value = value.tolist() if hasattr(value, "tolist") else value  # of numpy and torch
        several = isinstance(value, Sequence) and not isinstance(value, str)
        asked = self._several(value) if isinstance(value, str) else list(value) if several else [value]
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
        known, parts, found = {*self.names, *self.ids}, text.split(","), []
        while parts:
            joined = [",".join(parts[:n]) for n in range(len(parts), 1, -1)]
            name = next((name for name in joined if name in known or name.strip() in known), parts[0])
            parts = parts[name.count(",") + 1 :]
            found.append(name)
        return found

    def _number(self, item: str | int) -> int:
        """The class that is meant: an exact name first, then one that differs in spaces around it, in the form of its letters or in how its number is
        written."""
        text = str(item)
        for same in (str, str.strip, _cleaned):
            for known in (self.names, self.ids):
                found = [n for n, name in enumerate(known) if name == text or same(name) == same(text)]
                found = [n for n in found if known[n] == text] or found
                if len(found) == 1:
                    return found[0]
        number = number_in(text.strip())
        if number is None or any(number_in(name.strip()) is not None for name in (*self.names, *self.ids)):
            raise unknown("label", text.strip(), self.names) if number is None else self._no_such_number(text.strip())
        if number == int(number) and 0 <= number < len(self.names):
            return int(number)
        raise unknown("label", text.strip(), self.names)

    def _no_such_number(self, text: str) -> InputError:
        numbered = [name for name in (*self.names, *self.ids) if number_in(name.strip()) is not None]
        return InputError(
            f"unknown label '{text}': classes of this model are called by numbers, so that a number is a name and not a place among the "
            f"classes; allowed: {some(self.names, SHOWN)}{'' if set(numbered) <= set(self.names) else f', also called {some(numbered, SHOWN)}'}"
        )


def _cleaned(name: str) -> str:
    """A name without what two ways of writing it differ in: "é" as one character or two, 07 and 7."""
    name = unicodedata.normalize("NFC", name.strip())
    number = number_in(name)
    return name if number is None else str(number.normalize() + 0)


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
