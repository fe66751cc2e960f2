"""Conditioners of a new training, made from its data; captions are read from the training images alone."""

from collections.abc import Sequence
from typing import Any

from debruit.conditioning import from_data
from debruit.conditioning.base import Conditioner, DataContext, conditions
from debruit.data.dataset import Dataset
from debruit.data.split import Split


def conditioners(
    source: Any,
    dataset: Dataset,
    names: Sequence[str] | None,
    *,
    split: Split,
    tokenizer: str | None = None,
) -> tuple[Conditioner, ...]:
    """The conditioners of these names (None: the usual ones of this data). A tokenizer is trained on the captions of
    the training images of the split alone. InputError as in conditioning/from_data.py."""
    names = from_data.default_names(source, dataset) if names is None else names
    from_data.check(names, dataset)
    return from_data.conditioners(names, context(dataset, split, tokenizer=tokenizer))


def items_of(names: Sequence[str]) -> list[str]:
    """The fields of the data that the conditions of these names read."""
    known = conditions()
    return [known[name].item for name in names]


def context(dataset: Dataset, split: Split, *, tokenizer: str | None = None) -> DataContext:
    """The context for making conditioners, with the captions of the training images alone."""
    texts = dataset.texts or ()
    captions = [caption for n in split.train for caption in texts[n]] if texts else []
    return DataContext(dataset=dataset, captions=captions, tokenizer=tokenizer)
