"""The judge of captions finds what images and captions have in common, and nothing where there is nothing."""

import numpy as np
import pytest

import judging
from debruit.errors import InputError
from debruit.judges.captions import sentences as module
from debruit.judges.captions.correlation import Correlation
from debruit.judges.captions.scorer import fitted
from debruit.judges.captions.sentences import Sentences, find_sentences, hashed
from debruit.metrics.retrieval import caption_retrieval

WORDS = (
    "red",
    "green",
    "blue",
    "cat",
    "dog",
    "house",
    "tree",
    "small",
    "large",
    "old",
    "new",
    "round",
    "square",
    "wet",
    "dry",
    "hot",
)
BY_WORDS = Sentences("words", "words", hashed)


@pytest.fixture(autouse=True)
def _cache(tmp_path, monkeypatch):
    monkeypatch.setenv("DEBRUIT_CACHE", str(tmp_path))


def pairs(count: int, noise: float, seed: int = 0) -> tuple[np.ndarray, list[str]]:
    """Captions of three words, and features that are a linear view of which words, with noise."""
    rng = np.random.default_rng(seed)
    chosen = np.stack([rng.choice(len(WORDS), 3, replace=False) for _ in range(count)])
    view = np.random.default_rng(99).normal(size=(len(WORDS), 40))
    features = view[chosen].sum(axis=1) + noise * rng.normal(size=(count, 40))
    return features.astype(np.float32), [" ".join(WORDS[k] for k in row) for row in chosen]


def share(scorer, features, captions) -> float:
    return caption_retrieval(scorer.images(features), scorer.captions(captions), network="x", among=20).value


def fit(features, captions, said=None, **changes):
    with judging.lines() as heard:
        scorer = fitted(features, captions, BY_WORDS, **{"network": "N", "fingerprint": "n"} | changes)
    if said is not None:
        said += heard
    return scorer


def test_it_finds_captions_of_images_that_it_never_saw_and_none_of_noise():
    said: list[str] = []
    scorer = fit(*pairs(600, 0.5), said)
    assert share(scorer, *pairs(300, 0.5, seed=1)) > 0.8
    assert scorer.accuracy == pytest.approx(share(scorer, *pairs(300, 0.5, seed=1)), abs=0.15), "as it says of itself"
    assert scorer.label == "CCA(N, words)"
    assert "among 20 (5.0% at chance)" in said[-1]
    _, captions = pairs(300, 0.5, seed=1)
    assert share(scorer, np.random.default_rng(5).normal(size=(300, 40)), captions) < 0.15


def test_pairs_that_have_nothing_in_common_are_noticed():
    said: list[str] = []
    features, captions = pairs(400, 0.5)
    scorer = fit(features, list(np.random.default_rng(1).permutation(captions)), said)
    assert scorer.accuracy < 0.2
    assert share(scorer, *pairs(300, 0.5, seed=1)) < 0.2
    if scorer.accuracy <= 0.1:
        assert "hardly better than guessing" in said[-1]


def test_the_same_pairs_give_the_same_scorer_from_the_cache_and_others_another(tmp_path):
    features, captions = pairs(200, 0.5)
    first, again = fit(features, captions), fit(features, captions)
    assert len(list((tmp_path / "judges").iterdir())) == 1
    np.testing.assert_array_equal(first.captions(captions), again.captions(captions))
    assert again.fingerprint == first.fingerprint
    turned = [captions[-1], *captions[:-1]]
    for other in (fit(features[::-1], captions), fit(features, turned), fit(features, captions, fingerprint="m")):
        assert other.fingerprint != first.fingerprint


def test_equal_captions_have_equal_vectors_in_any_company():
    scorer = fit(*pairs(200, 0.5))
    vectors = scorer.captions(["wet red cat", "old dog", "wet red cat"])
    np.testing.assert_array_equal(vectors[0], vectors[2])
    assert not np.array_equal(vectors[0], vectors[1])
    assert scorer.captions(["old dog"])[0] == pytest.approx(vectors[1], abs=1e-5)


def test_heads_whiten_both_sides_and_agree_by_the_canonical_correlations():
    rng = np.random.default_rng(0)
    common = rng.normal(size=(4000, 2))
    x = np.c_[common, rng.normal(size=(4000, 3))] @ rng.normal(size=(5, 5))
    y = np.c_[common + [1, 2] * rng.normal(size=(4000, 2)), rng.normal(size=(4000, 2))] @ rng.normal(size=(4, 4)) + 7
    a, b = Correlation(x, y).heads(0.0)
    u, v = a(x), b(y)
    strength = np.sqrt(u.var(axis=0))  # each direction counts by its correlation
    assert strength[:2] == pytest.approx([1 / np.sqrt(2), 1 / np.sqrt(5)], abs=0.04), "as the noise was made"
    assert strength[2:].max() < 0.08
    assert [np.corrcoef(u[:, k], v[:, k])[0, 1] for k in range(2)] == pytest.approx(strength[:2], abs=1e-6)
    assert np.corrcoef(u[:, 0], u[:, 1])[0, 1] == pytest.approx(0, abs=1e-6)


def test_words_are_hashed_alike_and_near_words_are_near():
    a, b, c, empty = hashed(["smiling cat", "Smiling  CAT", "smile of a cat", ""])
    np.testing.assert_array_equal(a, b)
    assert 0.2 < a @ c < 0.95
    assert abs(a @ hashed(["thunder"])[0]) < 0.2
    assert np.linalg.norm(a) == pytest.approx(1)
    assert not empty.any()


def test_words_stand_in_where_the_sentence_encoder_is_not_installed(monkeypatch):
    def missing():
        raise InputError("not installed")

    monkeypatch.setattr("debruit.networks.pretrained.minilm.fingerprint", missing)
    found = find_sentences()
    assert found.label == "words"
    assert found.vectors(["a"]).shape == (1, module.HASHED)
