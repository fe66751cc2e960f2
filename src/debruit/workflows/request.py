"""The base class of the requests of all verbs."""

from dataclasses import dataclass, fields
from typing import Any

from debruit.config import hints, invalid, validate


@dataclass(frozen=True)
class Request:
    """The options of one call of a verb, as a user gives them."""

    def check(self, verb: str) -> None:
        """Raise InputError, naming the option, if a value is of the wrong type or out of its range."""
        annotations = hints(type(self))
        for f in fields(self):
            value, annotation = getattr(self, f.name), annotations[f.name]
            if _changed(value, validate(value, annotation, f"{verb}: {f.name}")):
                raise invalid(value, annotation, f"{verb}: {f.name}")


def _changed(value: Any, validated: Any) -> bool:
    """Whether validation has converted a value, such as "3" to 3, or one in a sequence."""
    if isinstance(value, (tuple, list)):
        return any(_changed(*pair) for pair in zip(value, validated, strict=True))
    return isinstance(value, (str, int, float)) and validated != value
