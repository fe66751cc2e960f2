"""The terms of guidance, and the conditions that each term keeps. A condition can be guided if an image keeps it and
training drops it (drop > 0).

One weight guides all of these together. With a weight for each of several conditions, term k keeps the first k of
them, in the given order. A condition without a weight stays in every term, which is a weight of 1.
"""

from collections.abc import Sequence
from typing import NamedTuple

from debruit.conditioning.base import Conditioner, keyword
from debruit.conditioning.batch import ConditionBatch, find, flag
from debruit.errors import InputError, nearest
from debruit.sampling.guidance.weights import Weights, coefficients, none


class Branch(NamedTuple):
    """One term of guidance: its coefficient, and the conditions that it keeps."""

    coefficient: float
    conditions: ConditionBatch


def branches(conditioners: Sequence[Conditioner], batch: ConditionBatch, guidance: Weights) -> list[Branch]:
    """Return the terms with a coefficient other than 0, from the fewest conditions to the most; a single term with
    coefficient 1 if nothing is guided."""
    allowed = guidable(conditioners, batch)
    pairs = guidance if isinstance(guidance, tuple) else [(name, guidance) for name in allowed]
    weighted = [(c.name, weight) for name, weight in pairs if (c := find(conditioners, name)) and c.name in allowed]
    names = [name for name, _ in weighted]
    parts = enumerate(coefficients(weight for _, weight in weighted))
    return [Branch(a, batch.without(names[k:])) for k, a in parts if a != 0]


def guidable(conditioners: Sequence[Conditioner], batch: ConditionBatch) -> list[str]:
    """Return the names of the conditions that can be guided in this batch."""
    return [c.name for c in conditioners if c.drop > 0 and bool(batch.keep[c.name].any())]


def check(conditioners: Sequence[Conditioner], guidance: Weights) -> None:
    """Raise InputError for guidance of a model that was not trained for it, or by a condition that it lacks."""
    if none(guidance):
        return
    if not conditioners:
        raise InputError("guidance needs a condition, and this model was trained without one: leave --guidance out")
    if all(c.drop == 0 for c in conditioners):
        raise InputError(
            "this model was trained without dropping its condition, so guidance cannot work: leave --guidance out"
        )
    for name, _ in guidance if isinstance(guidance, tuple) else ():
        condition = find(conditioners, name)
        if condition is None:
            allowed = [keyword(c) for c in conditioners]
            hint = nearest(name, [*allowed, *(c.name for c in conditioners)]) or ","
            raise InputError(
                f"guidance was given for '{name}'{hint} but this model was trained with {', '.join(allowed)}"
            )
        if condition.drop == 0:
            raise InputError(
                f"this model was trained without dropping its {keyword(condition)}, so guidance cannot weigh it: leave "
                f"{name} out of --guidance"
            )


def check_given(conditioners: Sequence[Conditioner], batch: ConditionBatch, guidance: Weights) -> None:
    """Raise InputError for a weight of a condition that no image of the batch keeps."""
    allowed = guidable(conditioners, batch)
    for name, weight in guidance if isinstance(guidance, tuple) else ():
        condition = find(conditioners, name)
        if condition is None or condition.name not in allowed:
            what = keyword(condition or name)
            raise InputError(
                f"guidance {name}={weight:g} was given without a {what}: give {flag(what)}, or leave {name} out of "
                "--guidance"
            )
