"""Precision, recall, density, coverage: against whole matrices of distances, and on sets where they are known."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from debruit.errors import InputError
from debruit.metrics import neighbours
from debruit.metrics.manifold import manifold
from debruit.metrics.neighbours import radii


def draw(count: int, width: int = 8, *, seed: int, shift: float = 0.0) -> np.ndarray:
    return (np.random.default_rng(seed).standard_normal((count, width)) + shift).astype(np.float32)


def values(samples, reference, k=3) -> dict[str, float]:
    return {score.name: score.value for score in manifold(samples, reference, network="x", neighbours=k)}


def textbook(samples, reference, k) -> dict[str, float]:
    """The definitions of Naeem et al. 2020, section 2.2 and 3, on whole matrices."""
    samples, reference = samples.astype(np.float64), reference.astype(np.float64)
    own = lambda x: np.sort(cdist(x, x), axis=1)[:, k]  # noqa: E731 - column 0 is the point itself
    between = cdist(reference, samples)
    inside = between <= own(reference)[:, None]
    return {
        "precision": inside.any(axis=0).mean(),
        "recall": (between <= own(samples)[None]).any(axis=1).mean(),
        "density": inside.sum() / (k * len(samples)),
        "coverage": inside.any(axis=1).mean(),
    }


@pytest.mark.parametrize("k", [1, 3, 5])
@pytest.mark.parametrize("cells", [500, 2**20])
def test_agrees_with_whole_matrices_whatever_the_blocks(monkeypatch, k, cells):
    monkeypatch.setattr(neighbours, "CELLS", cells)
    monkeypatch.setattr(neighbours, "COLUMNS", 37)
    samples, reference = draw(90, seed=0, shift=0.4), draw(140, seed=1)
    found, expected = values(samples, reference, k), textbook(samples, reference, k)
    assert 0.2 < expected["coverage"] < 0.99  # neither is trivial
    assert found == pytest.approx(expected, rel=1e-12)


def test_the_data_itself_is_precise_and_complete_and_foreign_samples_are_neither():
    reference = draw(100, seed=1)
    assert values(reference, reference) == pytest.approx(
        {"precision": 1, "recall": 1, "density": 4 / 3, "coverage": 1}, abs=0.1
    )
    assert set(values(reference + 100, reference).values()) == {0.0}


def test_a_model_that_repeats_one_image_is_precise_but_not_complete():
    reference = draw(200, seed=1)
    found = values(np.repeat(reference[:1], 50, axis=0), reference)
    assert found["precision"] == 1
    assert found["recall"] <= 0.01
    assert found["coverage"] < 0.1


def test_equal_images_are_within_reach_of_each_other_in_spite_of_rounding():
    rng = np.random.default_rng(0)
    reference = np.repeat(rng.normal(size=(10, 30)) * 100 + 1000, 5, axis=0).astype(np.float32)  # radius 0 for k = 3
    samples = np.repeat(reference[:40:4], 4, axis=0)
    assert values(samples, reference)["precision"] == 1


def test_radii_far_from_the_origin():
    x = draw(50, seed=0) + 5000
    expected = np.sort(cdist(x.astype(np.float64), x.astype(np.float64), "sqeuclidean"), axis=1)[:, 3]
    np.testing.assert_allclose(radii(x, 3), expected, rtol=1e-9)


def test_intervals_hold_what_repeated_draws_give():
    reference = draw(150, 4, seed=1)
    drawn = [manifold(draw(150, 4, seed=10 + n, shift=0.8), reference, network="x") for n in range(40)]
    for name, scores in zip(("precision", "recall", "density", "coverage"), zip(*drawn, strict=True), strict=True):
        spread = np.std([s.value for s in scores])
        half = np.mean([(s.high - s.low) / 2 / 1.96 for s in scores])
        assert 0.5 < half / spread < 2, (name, half, spread)


def test_samples_that_come_class_by_class_have_the_same_scores():
    samples, reference = draw(100, 4, seed=0, shift=0.5), draw(100, 4, seed=1)
    sorted_samples = samples[np.argsort(samples[:, 0])]
    assert values(sorted_samples, reference) == pytest.approx(values(samples, reference), rel=1e-12)
    widths = [{s.name: s.high - s.low for s in manifold(x, reference, network="x")} for x in (samples, sorted_samples)]
    assert widths[0]["coverage"] == pytest.approx(widths[1]["coverage"], rel=0.5)


def test_labels_and_notes():
    scores = manifold(draw(30, seed=0), draw(40, seed=1), network="EffNetLite0", neighbours=4)
    assert [s.label for s in scores] == [f"{n}-EffNetLite0" for n in ("precision", "recall", "density", "coverage")]
    assert all(s.note == "k = 4, 30 samples against 40 reference images" for s in scores)
    assert all(s.low <= s.value <= s.high for s in scores)


@pytest.mark.parametrize("k", [0, 10, 50])
def test_too_many_neighbours_are_refused(k):
    with pytest.raises(InputError, match=f"{k} neighbours among 10 images: give between 1 and 9"):
        manifold(draw(10, seed=0), draw(40, seed=1), network="x", neighbours=k)
