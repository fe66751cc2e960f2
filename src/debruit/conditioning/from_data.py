"""Conditioners made from a data set: `debruit train SOURCE --condition text,mask --tokenizer bert`.

Without --condition they are the usual ones whose item the data has; a source may name fewer (`usual_conditions`).
"""

from collections.abc import Sequence
from typing import Any

from debruit.conditioning.base import Conditioner, DataContext, conditions, keyword
from debruit.conditioning.items import has
from debruit.data.dataset import Dataset
from debruit.errors import InputError, unknown

NONE = "none"


def parse_names(text: str | None) -> tuple[str, ...] | None:
    """The names of `--condition a,b`, () for "none" and None where nothing was given. InputError names the nearest for
    a misspelt one."""
    if text is None:
        return None
    known = conditions()
    aliases = {alias: name for name, cls in known.items() for alias in cls.aliases}
    typed = [part.strip().lower() for part in text.split(",") if part.strip()]
    names = tuple(dict.fromkeys(aliases.get(name, name) for name in typed))
    for name in names:
        if name not in known and name != NONE:
            raise unknown("condition", name, [*known, NONE])
    if not names or (NONE in names and len(names) > 1):
        raise InputError(f"--condition {text}: give one or more of {', '.join(known)}, or {NONE} by itself")
    return () if NONE in names else names


def with_items(source: Any, names: Sequence[str] | None) -> Any:
    """The source changed so that its data has the items of these conditions, where it can be asked for them."""
    known = conditions()
    items = [known[name].reads if name in known else name for name in names or ()]
    return source.with_conditions(items) if items and hasattr(source, "with_conditions") else source


def usual(source: Any, dataset: Dataset) -> list[str]:
    """The conditions of a training for which none were named."""
    names = [name for name, cls in conditions().items() if cls.usual and has(dataset, cls.reads)]
    return [name for name in names if name in getattr(source, "usual_conditions", names)]


def check(names: Sequence[str], dataset: Dataset) -> None:
    """InputError: data without what one of these conditions reads, or two that are given by one argument."""
    known = conditions()
    for name in names:
        if not has(dataset, known[name].reads):
            raise InputError(
                f"--condition {name}: {dataset.spec.name} cannot be conditioned on that, {known[name].lacks}"
            )
        for other in names[: names.index(name)]:
            if keyword(other) == keyword(name):
                raise InputError(f"--condition {other},{name}: a model is given one {keyword(name)}, give one of them")


def conditioners(names: Sequence[str], context: DataContext) -> tuple[Conditioner, ...]:
    """The conditioners of these names for the data. InputError as `check`, and a tokenizer that nothing uses."""
    check(names, context.dataset)
    known = conditions()
    found = tuple(known[name].from_data(context) for name in names)
    check_tokenizer(context.tokenizer, found)
    return found


def adapted(conditioner: Conditioner, context: DataContext) -> Conditioner:
    """A recipe's conditioner for this data. InputError: data that lacks what it reads."""
    if not has(context.dataset, conditioner.reads):
        raise InputError(
            f"the recipe is conditioned on {conditioner.name} and {context.dataset.spec.name} cannot be: "
            f"{conditioner.lacks}"
        )
    return conditioner.adapted(context)


def check_tokenizer(tokenizer: str | None, conditioners: Sequence[Conditioner]) -> None:
    """InputError: a tokenizer was named, and none of these conditioners learns its pieces."""
    if tokenizer is not None and not any(c.tokenized for c in conditioners):
        raise InputError(
            f"--tokenizer {tokenizer}: nothing here learns words; it is for captions (--condition text), and the "
            "frozen encoder of --condition sentence "
            "has its own"
        )


def describe(conditioners: Sequence[Conditioner], dataset: Dataset) -> list[str]:
    """What the conditioners say of the data before a training, a line each."""
    context = DataContext(dataset=dataset)
    return [line for conditioner in conditioners for line in conditioner.describe(context)]
