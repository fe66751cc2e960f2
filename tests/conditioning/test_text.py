"""Captions as a condition: prompts, what is said about them, "none", and the size that suits the captions."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from hearing import noticed, notices
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode

from debruit.conditioning.from_data import describe
from debruit.conditioning.sentence import Sentence
from debruit.conditioning.text import Text
from debruit.config import decode, encode
from debruit.data.dataset import Dataset
from debruit.data.sources.digits import Digits
from debruit.errors import InputError
from debruit.models.config import ModelConfig
from debruit.models.diffusion import Model
from debruit.networks.pretrained.minilm import SentenceEncoder
from debruit.networks.text_transformer import TextTransformer
from debruit.networks.unet import UNet
from debruit.sampling.config import SamplingConfig
from debruit.text.wordpiece import BERT_WORDS, MARKS, WordPiece
from on import Config, On, captions, spec

CAPTIONS = ("a smiling cat", "a cat with a hat", "a grinning dog", "un éléphant à l'école", "a dog, a cat")
TRAINED = Text(
    tokenizer=WordPiece.train(CAPTIONS, 100), encoder=TextTransformer(width=8, depth=1, heads=2, length=12), drop=0.2
)
FAKE_BERT = WordPiece((*MARKS, *(f"w{n}" for n in range(BERT_WORDS - len(MARKS)))))
FROZEN = Sentence(tokenizer=FAKE_BERT, encoder=SentenceEncoder(length=12, fingerprint="of no file"))

TEXT = On(TRAINED, spec())


def pixel_model(text: Text | Sentence) -> ModelConfig:
    network = UNet(
        channels=8,
        multipliers=(1, 2),
        attention=(2,),
        head_channels=8,
        groups=4,
        transformer_depth=1,
        token_channels=text.encoder.width,
    )
    return ModelConfig(
        data=Digits().build().spec, network=network, conditioners=(text,), sampling=SamplingConfig(steps=2)
    )


class TestPrompts:
    def test_one_for_all_images_or_several_in_turn(self):
        one = TEXT.parse("a cat, a dog", range(3))
        assert torch.equal(one, TEXT.read({"text": ["a cat, a dog"] * 3}))
        several = TEXT.parse(["a cat", "a dog"], [4, 5, 6])
        assert torch.equal(several, TEXT.read({"text": ["a cat", "a dog", "a cat"]}))

    def test_an_empty_one_and_a_missing_caption_are_none(self):
        values = TEXT.read({"text": ["", None, "  "]})
        assert torch.equal(values, TEXT.placeholder(3))
        assert torch.equal(TEXT.parse("", range(2)), TEXT.placeholder(2))
        assert TEXT.in_turn(range(3)) is None
        module = TEXT.build()
        kept, none = (module(TEXT.placeholder(2), torch.full((2,), keep)) for keep in (True, False))
        torch.testing.assert_close(kept, none)

    def test_nothing_asked_for_is_none(self):
        config = Config(spec(), (TRAINED,))
        assert not config.requested(prompt=None).keep["text"].any()
        assert not config.requested(prompt="a cat").dropped(config).keep["text"].any()

    @pytest.mark.parametrize("value", [3, ["a cat", 3], {"a": 1}, None])
    def test_what_is_no_text(self, value):
        with pytest.raises(InputError, match="is no text: give a string, or a list of them to take in turn"):
            TEXT.parse(value, range(1))

    def test_no_prompt(self):
        with pytest.raises(InputError, match="no prompt was given: give at least one, or leave the prompt out"):
            TEXT.parse([], range(1))

    def test_a_long_one_is_cut_and_it_is_said_once(self):
        words = WordPiece((*MARKS, "a", "cat", "dog", "with", "hat"))
        text = On(Text(tokenizer=words, encoder=TextTransformer(length=8)), spec())
        long = "a cat with a hat, " * 3
        with noticed() as said:
            values = text.parse([long, "a dog"], range(3))
        assert said == [
            f"the prompt '{long}' has 20 tokens and this model reads 8: the rest is left out, 'a cat with a hat, a cat "
            "with a hat,'",
            f"this model has no word pieces for , in the prompt '{long}': taken as unknown",
        ]
        assert torch.equal(values, text.read({"text": [long, "a dog", long]}))
        with notices() as said:
            text.parse([long, "a dog"], range(3, 6))  # the next batch of the same drawing
            text.parse("a dog with a hat", range(3))
        assert not said

    def test_words_that_no_pieces_make_are_named(self):
        with noticed(
            match=r"this model has no word pieces for жук, Z80 in the prompt 'a жук with a Z80': taken as unknown",
        ):
            TEXT.parse("a жук with a Z80", range(2))


class TestFromData:
    def test_the_length_is_that_of_the_longest_caption(self):
        for words, expected in ((3, 16), (15, 24), (40, 48), (300, 77)):
            text = captions(Text, ["a cat", "cat " * words], tokenizer="captions")
            assert text.length == expected
            texts = ["a cat", "cat " * words, "cat " * 400, ""]
            data = Dataset(spec(count=4), np.zeros((4, 3, 16, 16), np.uint8), paths=texts, texts=[(t,) for t in texts])
            (line,) = describe([text], data)
            assert f"; {1 + (words == 300)} of 4 are longer and are cut" in line

    def test_more_captions_get_a_larger_encoder_and_more_words(self):
        few, many = (
            captions(Text, [f"sample {n} of a cat" for n in range(count)], tokenizer="captions") for count in (5, 2_000)
        )
        assert few.encoder.width < many.encoder.width
        assert few.encoder.depth < many.encoder.depth
        assert len(few.tokenizer.vocabulary) < len(many.tokenizer.vocabulary) <= 2_000

    def test_the_order_of_captions_does_not_matter(self):
        assert captions(Text, CAPTIONS) == captions(Text, CAPTIONS[::-1])

    @pytest.mark.parametrize("none", [[], ["", "  "]])
    def test_without_captions(self, none):
        with pytest.raises(
            InputError, match="there is no caption to condition on, every one is missing or empty: write captions"
        ):
            captions(Text, none)


@pytest.mark.parametrize("text", [TRAINED, FROZEN], ids=["trained", "frozen"])
class TestInAModel:
    def test_is_stored_in_its_file(self, text):
        assert decode(encode(text), type(text)) == text
        assert hash(decode(encode(text), type(text))) == hash(text)

    def test_is_counted_without_memory_or_package(self, text):
        for setting in (FakeTensorMode(), torch.device("meta")):
            with setting:
                keep = torch.ones(2, dtype=torch.bool)
                tokens = (
                    pixel_model(text).build().cond({text.name: text.placeholder(2, spec())}, {text.name: keep}).tokens
                )
                assert tokens.shape == (2, 12, text.encoder.width)
                assert tokens.requires_grad
                assert tokens.is_meta or isinstance(tokens, FakeTensor)


def test_a_file_brings_the_model_back(tmp_path):
    torch.manual_seed(0)
    config = pixel_model(TRAINED)
    model = Model(config, config.build())
    with torch.no_grad():
        for p in model.backbone.parameters():
            p.add_(0.1 * torch.randn_like(p))
    model.save(tmp_path / "m.safetensors")
    again = Model.load(tmp_path / "m.safetensors", "cpu")
    assert again.config == config
    drawn = [m.generate(2, prompt="a cat", seed=1) for m in (model, again)]
    assert torch.equal(*drawn)
    assert not torch.equal(drawn[0], model.generate(2, prompt="a dog", seed=1))
    assert torch.equal(model.generate(2, prompt="", seed=1), model.generate(2, seed=1))


def test_the_frozen_encoder_has_one_parameter_and_its_weights_stay_out_of_the_file():
    module = On(FROZEN, spec()).build()
    assert {name: tuple(p.shape) for name, p in module.state_dict().items()} == {"none": (384,)}
    assert not list(On(replace(FROZEN, drop=0.0), spec()).build().state_dict())
    assert copy.deepcopy(module).config == FROZEN


def test_the_frozen_encoder_reads_berts_pieces_alone():
    with pytest.raises(
        InputError,
        match=r"reads BERT's 30,522 pieces and the tokenizer has \d+: take WordPiece.bert\(\)",
    ):
        Sentence(tokenizer=TRAINED.tokenizer, encoder=SentenceEncoder(length=12, fingerprint="any"))
