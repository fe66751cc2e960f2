"""What a recipe is conditioned on, met with real data: the names of its classes, the classes and colours of its masks, the words of its captions."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from debruit.conditioning.cond import Conditioner
from debruit.conditioning.text import Text
from debruit.errors import InputError
from debruit.text.wordpiece import BERT_WORDS
from debruit.training.conditions import BERT, LACKS, Material, offered, vocabulary

WORDS = {"label": "classes", "mask": "masks", "text": "captions"}


def met(conditioner: Conditioner, of: Material) -> Conditioner:
    """A recipe's conditioner as this data needs it. InputError: data that lacks what it reads, or one image of which does where the condition is never
    dropped; BERT's words where they are not installed.
    """
    field, dataset = conditioner.field, of.dataset
    if field in LACKS and field not in offered(dataset):
        raise InputError(
            f"the recipe is conditioned on {WORDS[field]} and {dataset.spec.name} cannot be: {LACKS[field]}"
        )
    return MEETS[field](conditioner, of) if field in MEETS else conditioner


def _label(label: Any, of: Material) -> Conditioner:
    return replace(label, names=of.dataset.spec.class_names)


def _mask(mask: Any, of: Material) -> Conditioner:
    spec = of.dataset.spec
    return replace(
        mask,
        names=spec.mask_names,
        palette=spec.palette,
        numbers=spec.mask_numbers,
        height=spec.height,
        width=spec.width,
    )


def _text(text: Any, of: Material) -> Conditioner:
    """The words that were named, or BERT's where the recipe has as many numbers, whose length is the recipe's too; else pieces made of the captions, and
    as many a caption as these need."""
    berts = len(text.tokenizer.vocabulary) == BERT_WORDS
    named = vocabulary(of.words or (BERT if berts else None))
    if berts and named is not None:
        return replace(text, tokenizer=named)
    suited = Text.suited(of.captions, tokenizer=named)
    length = text.length if berts else suited.length
    return replace(text, tokenizer=suited.tokenizer, encoder=replace(text.encoder, length=length))


def _image(image: Any, of: Material) -> Conditioner:
    spec = of.dataset.spec
    return replace(
        image, of=spec.channels, height=spec.height, width=spec.width, depth=spec.depth, low=spec.low, high=spec.high
    )


MEETS: dict[str, Callable[[Any, Material], Conditioner]] = {
    "label": _label, "mask": _mask, "text": _text, "image": _image,
}  # fmt: skip
