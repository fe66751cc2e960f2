"""Comparison of names. A letter with an accent has two forms in Unicode: composed (NFC), as most programs write it,
and decomposed (NFD), as a Mac names files. Names are compared in the composed form, and exact names come before it."""

import unicodedata
from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

Value = TypeVar("Value")


def composed(name: str) -> str:
    """The name in the composed form (NFC), in which names are compared."""
    return name if name.isascii() else unicodedata.normalize("NFC", name)


def lookup(known: Mapping[str, Value]) -> Callable[[str], Value | None]:
    """A function from a name, in either form, to the value of that name; None where there is none, or where two
    names of one composed form differ in their values and none of them is meant exactly."""
    by_form: dict[str, list[Value]] = {}
    for name, value in known.items():
        by_form.setdefault(composed(name), []).append(value)

    def find(name: str) -> Value | None:
        if name in known:
            return known[name]
        values = by_form.get(composed(name), [])
        return values[0] if len(values) == 1 else None

    return find


def position(name: str, names: Iterable[str]) -> int | None:
    """The number of this name among `names`, an exact one first; None where it is not among them."""
    listed = list(names)
    if name in listed:
        return listed.index(name)
    forms = [composed(other) for other in listed]
    return forms.index(composed(name)) if composed(name) in forms else None
