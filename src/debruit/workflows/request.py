"""The base class of the requests of all verbs."""

from dataclasses import dataclass, fields

from debruit.config import hints, validate
from debruit.errors import InputError


@dataclass(frozen=True)
class Request:
    """The options of one call of a verb, as a user gives them."""

    def check(self, verb: str) -> None:
        """Raise InputError, naming the option, if a value is of the wrong type or out of its range."""
        annotations = hints(type(self))
        for f in fields(self):
            value, annotation = getattr(self, f.name), annotations[f.name]
            if isinstance(value, (str, int, float)) and validate(value, annotation, f"{verb}: {f.name}") != value:
                raise InputError(f"{verb}: {f.name}: {value!r} is not valid, give a number")
