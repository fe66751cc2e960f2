"""What a recipe is conditioned on, met with real data: the names of its classes, the classes and colours of its masks, the words of its captions."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from debruit.conditioning.base import Conditioner
from debruit.conditioning.text import Text
from debruit.errors import InputError
from debruit.planning.conditions import BERT, CAPTIONS, LACKS, DataContext, offered, vocabulary
from debruit.text.wordpiece import BERT_WORDS, knows_bert

WORDS = {"label": "classes", "mask": "masks", "text": "captions"}


def met(conditioner: Conditioner, of: DataContext) -> Conditioner:
    """A recipe's conditioner as this data needs it. InputError: data that lacks what it reads, or one image of which does where the condition is never
    dropped; BERT's words where they are not installed.
    """
    field, dataset = conditioner.field, of.dataset
    if field in LACKS and field not in offered(dataset):
        raise InputError(
            f"the recipe is conditioned on {WORDS[field]} and {dataset.spec.name} cannot be: {LACKS[field]}"
        )
    return MEETS[field](conditioner, of) if field in MEETS else conditioner


def _label(label: Any, of: DataContext) -> Conditioner:
    return replace(label, names=of.dataset.spec.class_names, ids=of.dataset.spec.class_ids)


def _mask(mask: Any, of: DataContext) -> Conditioner:
    spec = of.dataset.spec
    return replace(
        mask,
        names=spec.mask_names,
        palette=spec.palette,
        numbers=spec.mask_numbers,
        height=spec.height,
        width=spec.width,
    )


def _text(text: Any, of: DataContext) -> Conditioner:
    """The words that were named, or BERT's where the recipe has as many numbers; pieces made of the captions where it has not, or would take what BERT's
    mean from a package that is not installed. As long as the captions need, but where the recipe trains BERT's words itself, as the reference does with
    captions of its length."""
    berts = len(text.tokenizer.vocabulary) == BERT_WORDS
    fixed = berts and text.encoder.words == "trained"
    words = of.words or (BERT if fixed or (berts and knows_bert()) else CAPTIONS)
    tokenizer, length = vocabulary(words), text.length
    if tokenizer is None or not fixed:
        suited = Text.suited(of.captions, tokenizer=tokenizer)
        tokenizer, length = suited.tokenizer, length if fixed else suited.length
    encoder = replace(text.encoder, length=length, words=text.encoder.words if words == BERT else "trained")
    return replace(text, tokenizer=tokenizer, encoder=encoder)


def _image(image: Any, of: DataContext) -> Conditioner:
    spec = of.dataset.spec
    return replace(
        image, of=spec.channels, height=spec.height, width=spec.width, depth=spec.depth, low=spec.low, high=spec.high
    )


MEETS: dict[str, Callable[[Any, DataContext], Conditioner]] = {
    "label": _label, "mask": _mask, "text": _text, "image": _image,
}  # fmt: skip
