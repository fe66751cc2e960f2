"""Prompts that name a style by a phrase: known ones in either language, unknown ones with a notice, other sentences."""

from dataclasses import replace

import pytest
import torch
from hearing import noticed

from debruit.conditioning.class_phrases import unknown_class
from debruit.conditioning.text import Text
from debruit.images.spec import DataSpec
from debruit.networks.text_transformer import TextTransformer
from debruit.text.wordpiece import WordPiece

PHRASES, STYLES = ("{} style", "style {}"), ("noto", "old noto", "flat")


@pytest.mark.parametrize(
    "prompt",
    [
        "a swan, noto style",
        "a swan, Old Noto style",
        "flat style swan",
        "un cygne, style old noto",
        "a swan in noto style",
        "a stylish swan",
        "a swan",
        "style",
        "",
    ],
)
def test_known_styles_and_prompts_without_a_style_are_silent(prompt):
    assert unknown_class(prompt, PHRASES, STYLES) == ""


@pytest.mark.parametrize(
    ("prompt", "name"),
    [
        ("a swan, watercolour style", "watercolour"),
        ("manga style swan", "manga"),
        ("un cygne, style dessin animé", "dessin animé"),
        ("a swan, nota style", "nota"),
    ],
)
def test_an_unknown_style_is_named(prompt, name):
    notice = unknown_class(prompt, PHRASES, STYLES)
    assert f"names the style '{name}', which this model does not know; it knows noto, old noto, flat" in notice
    assert ("did you mean 'noto'" in notice) == (name == "nota")


def test_a_prompt_with_an_unknown_style_is_encoded_all_the_same():
    spec = DataSpec(name="x", channels=3, height=8, width=8, depth="uint8", low=0, high=255, count=1)
    spec = replace(spec, class_names=STYLES, class_phrases=PHRASES)
    words = WordPiece.train(["a swan, noto style", "a swan, watercolour style"] * 2, 200)
    text = Text(tokenizer=words, encoder=TextTransformer(width=8, heads=1, depth=1, length=16))
    with noticed() as said:
        ids = text.parse("a swan, watercolour style", range(2), spec)
    assert torch.equal(ids, words.encode(["a swan, watercolour style"] * 2, 16))
    assert ["the style 'watercolour'" in line for line in said] == [True]
