"""A value that is stored with an image -> its label: a number, or the name of a class."""

import math
from typing import Any, NamedTuple

from debruit.annotations.names import composed

NONE = -1  # what many data sets write for an image without a label


class Read(NamedTuple):
    """A label, or None; and why a value that is there is none."""

    label: int | str | None = None
    problem: str = ""


def read_label(value: Any, *, digits: bool = True) -> Read:
    """`digits`: a text of digits is a number, as in a file that holds nothing else; where it is false it is a name."""
    if isinstance(value, bytes):
        value = value.decode("utf-8", errors="replace")
    if isinstance(value, bool):
        return Read(str(value))
    if isinstance(value, float):
        if math.isnan(value):
            return Read()
        if not value.is_integer():
            return Read(problem="a fraction")
        value = int(value)
    if isinstance(value, int):
        return Read(value) if value >= 0 else Read() if value == NONE else Read(problem="a number below 0")
    if isinstance(value, str):
        return _of_text(composed(value.strip()), digits)
    if isinstance(value, list | tuple):
        return (
            read_label(value[0], digits=digits) if len(value) == 1 else Read(problem="several labels" if value else "")
        )
    return Read() if value is None else Read(problem="neither a number nor a name")


def _of_text(text: str, digits: bool) -> Read:
    if not text or text == str(NONE):
        return Read()
    return Read(int(text)) if digits and text.isdecimal() and str(int(text)) == text else Read(text)
