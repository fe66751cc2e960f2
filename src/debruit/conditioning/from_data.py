"""Conditioners made from a data set: `debruit train SOURCE --condition text,mask --tokenizer bert`.

Without --condition a training takes the conditions with `by_default` whose item the data has. A source may restrict
them by a class variable `default_conditions`.
"""

from collections.abc import Sequence
from typing import Any

from debruit.conditioning.base import Conditioner, DataContext, conditions, keyword
from debruit.conditioning.items import has
from debruit.data.dataset import Dataset
from debruit.errors import InputError, unknown

NONE = "none"


def parse_names(text: str | None) -> tuple[str, ...] | None:
    """Return the names in `--condition a,b`, with aliases replaced; () for "none", None if nothing was given. Raise
    InputError, with the nearest name, for an unknown one."""
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
    """Return the source with the items of these conditions switched on, if it has a method `with_conditions`."""
    known = conditions()
    items = [known[name].item if name in known else name for name in names or ()]
    return source.with_conditions(items) if items and hasattr(source, "with_conditions") else source


def default_names(source: Any, dataset: Dataset) -> list[str]:
    """Return the conditions of a training without --condition."""
    names = [name for name, cls in conditions().items() if cls.by_default and has(dataset, cls.item)]
    return [name for name in names if name in getattr(source, "default_conditions", names)]


def check(names: Sequence[str], dataset: Dataset) -> None:
    """Raise InputError if the data lacks the item of a condition, or two conditions have the same keyword."""
    known = conditions()
    for name in names:
        if not has(dataset, known[name].item):
            raise InputError(
                f"--condition {name}: {dataset.spec.name} cannot be conditioned on that, {known[name].missing}"
            )
        for other in names[: names.index(name)]:
            if keyword(other) == keyword(name):
                raise InputError(f"--condition {other},{name}: a model is given one {keyword(name)}, give one of them")


def conditioners(names: Sequence[str], context: DataContext) -> tuple[Conditioner, ...]:
    """Return the conditioners with these names, made for the data. Raise InputError as `check` and `check_tokenizer`
    do."""
    check(names, context.dataset)
    known = conditions()
    made = tuple(known[name].from_data(context) for name in names)
    check_tokenizer(context.tokenizer, made)
    return made


def adapted(conditioner: Conditioner, context: DataContext) -> Conditioner:
    """Return a recipe's conditioner, adapted to this data. Raise InputError if the data lacks its item."""
    if not has(context.dataset, conditioner.item):
        raise InputError(
            f"the recipe is conditioned on {conditioner.name} and {context.dataset.spec.name} cannot be: "
            f"{conditioner.missing}"
        )
    return conditioner.adapted(context)


def check_tokenizer(tokenizer: str | None, conditioners: Sequence[Conditioner]) -> None:
    """Raise InputError if a tokenizer was given and no conditioner trains on its pieces."""
    if tokenizer is not None and not any(c.tokenized for c in conditioners):
        raise InputError(
            f"--tokenizer {tokenizer}: no condition of this training uses a tokenizer; it is for captions (--condition "
            "text), and the frozen encoder of --condition sentence has its own"
        )


def describe(conditioners: Sequence[Conditioner], dataset: Dataset) -> list[str]:
    """Return the lines that the conditioners report about the data before a training."""
    context = DataContext(dataset=dataset)
    return [line for conditioner in conditioners for line in conditioner.describe(context)]
