"""Checks of requests, before any work."""

from dataclasses import fields
from typing import Any

from debruit.config import hints, validate
from debruit.errors import InputError


def check_request(request: Any, verb: str) -> None:
    """InputError, naming the option, where a value of a request is of the wrong type or out of its range."""
    annotations = hints(type(request))
    for f in fields(request):
        value, annotation = getattr(request, f.name), annotations[f.name]
        if isinstance(value, (str, int, float)) and validate(value, annotation, f"{verb}: {f.name}") != value:
            raise InputError(f"{verb}: {f.name}: {value!r} is not valid, give a number")
