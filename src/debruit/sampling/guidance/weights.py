"""The weights of guidance: one, w, for all conditions together, or one for each of several, in order."""

import math
from collections.abc import Iterable, Mapping
from itertools import pairwise

from debruit.errors import InputError

# one weight, or (name of a condition, its weight) in the order of the chain rule
Weights = float | tuple[tuple[str, float], ...]


def read(given: float | str | Mapping[str, float] | Iterable[tuple[str, float]]) -> Weights:
    """Parse a user's weights: 3.0, {"text": 5, "mask": 2}, or the text of a flag, "3" or "text=5,mask=2". InputError:
    none of these."""
    if isinstance(given, (int, float)):
        return float(given)
    if not isinstance(given, str):
        return tuple((str(name), float(weight)) for name, weight in dict(given).items())
    try:
        if "=" not in given:
            return float(given)
        pairs = [part.partition("=") for part in given.split(",")]
        return tuple((name.strip(), float(weight)) for name, _, weight in pairs)
    except ValueError:
        raise InputError(
            f"--guidance {given}: give one weight, for example --guidance 3, or one for each condition, for example "
            "--guidance text=5,mask=2"
        ) from None


def check(weights: Weights) -> None:
    """InputError: a weight below 0 or not finite, a condition that is named twice or not at all."""
    pairs = weights if isinstance(weights, tuple) else (("", weights),)
    for name, weight in pairs:
        if not (math.isfinite(weight) and weight >= 0):
            whose = f" for {name}" if name else ""
            raise InputError(
                f"a guidance weight of {weight}{whose}: it must be 0 or more, and finite; 1 is no guidance, 0 leaves "
                "the "
                "condition out"
            )
    names = [name for name, _ in pairs]
    if isinstance(weights, tuple) and (not names or "" in names or len(set(names)) < len(names)):
        raise InputError(f"guidance {describe(weights) or 'without any weight'}: give each condition one weight, once")


def describe(weights: Weights) -> str:
    """Return the weights as text: "2", or "text=5, mask=2"."""
    if not isinstance(weights, tuple):
        return f"{weights:g}"
    return ", ".join(f"{name}={weight:g}" for name, weight in weights)


def none(weights: Weights) -> bool:
    """Whether every weight is 1: plain conditional sampling."""
    return all(weight == 1 for _, weight in weights) if isinstance(weights, tuple) else weights == 1


def coefficients(weights: Iterable[float]) -> list[float]:
    """a_0..a_K of D(c_1..c_k), k = 0..K, in D() + sum_k w_k (D(c_1..c_k) - D(c_1..c_{k-1})): 1 - w_1, w_1 - w_2, ...,
    w_K; their sum is 1.

    One that is exactly 0 needs no evaluation: a single weight, or equal ones, leave the first and the last; weights of
    1 the last alone.
    """
    return [before - after for before, after in pairwise((1.0, *weights, 0.0))]
