"""Checks of the weights of a loss."""

import math

from debruit.errors import InputError


def check_weight(name: str, value: float) -> None:
    """InputError where a weight is negative or no number; 0 leaves its term out."""
    if not (value >= 0 and math.isfinite(value)):
        raise InputError(f"{name}={value:g}: a weight is 0, which leaves the term out, or more")
