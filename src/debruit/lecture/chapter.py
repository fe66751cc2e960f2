"""A chapter of a lecture page: its text in English and French, its equations, and the numbers that its panel draws."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Both = tuple[str, str]  # English, French
Json = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Calls:
    """`count` calls of the network on `batch` images each."""

    count: int
    batch: int


def no_calls(study: Any) -> list[Calls]:
    """Return the calls of a chapter that needs no network."""
    return []


@dataclass(frozen=True, kw_only=True)
class Chapter:
    """`key` is the name of the chapter and of its panel on the page.

    `text` has its paragraphs and `equations` TeX (maths.py); text may contain mathematics between dollar signs.
    `functions` are import paths below debruit. `labels` are the texts that the panel's script fills in, and `symbols`
    its mathematics. `numbers(study)` returns what the script draws, or None if the chapter does not apply to the model;
    `calls(study)` the network evaluations that this takes.

    A test imports every function and parses every equation.
    """

    key: str
    title: Both
    text: tuple[Both, ...]
    equations: tuple[str, ...]
    functions: tuple[str, ...]
    numbers: Callable[[Any], Json | None]
    calls: Callable[[Any], Sequence[Calls]] = no_calls
    labels: Mapping[str, Both] = field(default_factory=dict)
    symbols: Mapping[str, str] = field(default_factory=dict)
