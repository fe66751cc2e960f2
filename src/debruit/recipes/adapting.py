"""What a recipe is conditioned on, met with real data: the names of its classes, the classes and colours of its masks, the words of its captions."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from debruit.conditioning.cond import Conditioner
from debruit.conditioning.text import Text
from debruit.conditioning.wordpiece import BERT_WORDS, WordPiece
from debruit.data.dataset import Dataset
from debruit.errors import InputError
from debruit.training.conditions import LACKS, captions, offered

WORDS = {"label": "classes", "mask": "masks", "text": "captions"}


def met(conditioner: Conditioner, dataset: Dataset, seed: int = 0) -> Conditioner:
    """A recipe's conditioner as this data needs it, in a training of this seed. InputError: data that lacks what it reads, or one image of which does
    where the condition is never dropped; BERT's words where they are not installed.
    """
    field = conditioner.field
    if field in LACKS and field not in offered(dataset):
        raise InputError(
            f"the recipe is conditioned on {WORDS[field]} and {dataset.spec.name} cannot be: {LACKS[field]}"
        )
    return MEETS[field](conditioner, dataset, seed) if field in MEETS else conditioner


def _label(label: Any, dataset: Dataset, seed: int) -> Conditioner:
    return replace(label, names=dataset.spec.class_names)


def _mask(mask: Any, dataset: Dataset, seed: int) -> Conditioner:
    spec = dataset.spec
    return replace(mask, names=spec.mask_names, palette=spec.palette, height=spec.height, width=spec.width)


def _text(text: Any, dataset: Dataset, seed: int) -> Conditioner:
    """BERT's words where the recipe has as many numbers; else pieces made of the captions, and as many a caption as these need."""
    if len(text.tokenizer.vocabulary) == BERT_WORDS:
        return replace(text, tokenizer=WordPiece.bert())
    suited = Text.suited(captions(dataset, seed))
    return replace(text, tokenizer=suited.tokenizer, encoder=replace(text.encoder, length=suited.length))


def _image(image: Any, dataset: Dataset, seed: int) -> Conditioner:
    spec = dataset.spec
    return replace(
        image, of=spec.channels, height=spec.height, width=spec.width, depth=spec.depth, low=spec.low, high=spec.high
    )


MEETS: dict[str, Callable[[Any, Dataset, int], Conditioner]] = {
    "label": _label, "mask": _mask, "text": _text, "image": _image,
}  # fmt: skip
