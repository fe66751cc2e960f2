"""--condition NAME=VALUE, which gives any condition by its name."""

from collections.abc import Sequence
from typing import Annotated

from cyclopts import Parameter

from debruit.errors import InputError

Conditions = Annotated[list[str] | None, Parameter(name="--condition", negative="")]


def named_values(given: Sequence[str] | None) -> dict[str, str | list[str]]:
    """The conditions of --condition NAME=VALUE; several of one name are taken in turn. InputError: no name, or no
    value."""
    values: dict[str, list[str]] = {}
    for each in given or ():
        name, equals, value = each.partition("=")
        if not equals or not name.strip():
            raise InputError(f"--condition {each}: give NAME=VALUE, for example --condition text='a red apple'")
        values.setdefault(name.strip(), []).append(value)
    return {name: several[0] if len(several) == 1 else several for name, several in values.items()}
