"""Which conditions each branch of guidance keeps. What can be guided is what an image keeps and training has dropped.

With one weight all of it is guided together. With a weight for each of several conditions, branch k keeps the first k of them, in their order;
a condition without a weight of its own stays in every branch, which is a weight of 1.
"""

from collections.abc import Sequence
from typing import NamedTuple

from debruit.conditioning.base import Conditioner
from debruit.conditioning.batch import ConditionBatch, argument, field_of, without
from debruit.errors import InputError, nearest
from debruit.sampling.guidance.weights import Weights, coefficients, none


class Branch(NamedTuple):
    """Its coefficient, and the conditions that it keeps."""

    coefficient: float
    asked: ConditionBatch


def branches(conditioners: Sequence[Conditioner], asked: ConditionBatch, guidance: Weights) -> list[Branch]:
    """The branches whose coefficient is not 0, from the fewest conditions to the most; a single one, of coefficient 1, where nothing is guided."""
    can = guidable(conditioners, asked)
    pairs = guidance if isinstance(guidance, tuple) else [(name, guidance) for name in can]
    weighted = [(field_of(name), weight) for name, weight in pairs if field_of(name) in can]
    names = [name for name, _ in weighted]
    parts = enumerate(coefficients(weight for _, weight in weighted))
    return [Branch(a, without(asked, names[k:])) for k, a in parts if a != 0]


def guidable(conditioners: Sequence[Conditioner], asked: ConditionBatch) -> list[str]:
    """Fields of the conditions that some image keeps and that training has dropped."""
    return [c.field for c in conditioners if c.drop > 0 and bool(asked.keep[c.field].any())]


def check(conditioners: Sequence[Conditioner], guidance: Weights) -> None:
    """InputError: guidance of a model that was not trained for it, or by a condition that it does not have."""
    if none(guidance):
        return
    if not conditioners:
        raise InputError("guidance needs a condition, and this model was trained without one: leave --guidance out")
    if all(c.drop == 0 for c in conditioners):
        raise InputError(
            "this model was trained without dropping its condition, so guidance cannot work: leave --guidance out"
        )
    known = {c.field: c for c in conditioners}
    for name, _ in guidance if isinstance(guidance, tuple) else ():
        if field_of(name) not in known:
            allowed = [argument(c) for c in known]
            raise InputError(
                f"guidance was given for '{name}'{nearest(name, [*allowed, *known]) or ','} but this model was trained with {', '.join(allowed)}"
            )
        if known[field_of(name)].drop == 0:
            raise InputError(
                f"this model was trained without dropping its {argument(field_of(name))}, so guidance cannot weigh it: leave {name} out of --guidance"
            )


def check_given(conditioners: Sequence[Conditioner], asked: ConditionBatch, guidance: Weights) -> None:
    """InputError: a weight for a condition that no image has."""
    can = guidable(conditioners, asked)
    for name, weight in guidance if isinstance(guidance, tuple) else ():
        if field_of(name) not in can:
            what = argument(field_of(name))
            raise InputError(
                f"guidance {name}={weight:g} was given without a {what}: give --{what}, or leave {name} out of --guidance"
            )
