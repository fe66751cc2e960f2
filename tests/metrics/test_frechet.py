"""Frechet distance: against closed forms, a textbook formula and torchmetrics; its bias and its interval against
repeated draws."""

import numpy as np
import pytest
import scipy.linalg
import torch
from torch import nn

from debruit.errors import InputError
from debruit.metrics import frechet as module
from debruit.metrics.frechet import Moments, frechet, frechet_distance, frechet_unbiased, influence, moments


def correlated(count: int, width: int, *, seed: int, shift: float = 0.0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    mixing = np.random.default_rng(99).normal(size=(width, width)) / np.sqrt(width)
    return (rng.standard_normal((count, width)) @ mixing * (1 + 0.3 * seed) + shift).astype(np.float32)


def textbook(a: np.ndarray, b: np.ndarray) -> float:
    """The formula as it is printed, in float64, with scipy's matrix root."""
    a, b = a.astype(np.float64), b.astype(np.float64)
    cov_a, cov_b = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    root = scipy.linalg.sqrtm(cov_a @ cov_b).real
    return float(((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(cov_a + cov_b - 2 * root))


@pytest.mark.parametrize(("n", "m"), [(300, 500), (65, 400)])
def test_agrees_with_the_textbook_and_with_torchmetrics(n, m):
    from torchmetrics.image.fid import FrechetInceptionDistance

    a, b = correlated(n, 64, seed=0, shift=0.2), correlated(m, 64, seed=1)
    assert frechet_distance(a, b) == pytest.approx(textbook(a, b), rel=1e-6)
    flatten = nn.Flatten()
    flatten.num_features = 64
    peer = FrechetInceptionDistance(feature=flatten).set_dtype(torch.float64)
    peer.update(torch.from_numpy(b).double()[:, :, None, None], real=True)
    peer.update(torch.from_numpy(a).double()[:, :, None, None], real=False)
    assert frechet_distance(a, b) == pytest.approx(float(peer.compute()), rel=1e-6)


@pytest.mark.parametrize("count", [200, 20])  # more and fewer images than features
def test_shifts_and_scalings_have_closed_forms(count):
    x = correlated(count, 40, seed=0, shift=1.0).astype(np.float64)
    total = np.cov(x, rowvar=False).trace() + (x.mean(0) ** 2).sum()
    assert frechet_distance(x, x + 0.5) == pytest.approx(40 * 0.25, rel=1e-9)
    assert frechet_distance(x, 3 * x) == pytest.approx(4 * total, rel=1e-9)
    assert frechet_distance(x, x) == pytest.approx(0, abs=1e-9 * total)
    rotation = np.linalg.qr(np.random.default_rng(1).normal(size=(40, 40)))[0]
    y = correlated(70, 40, seed=1)
    assert frechet_distance(x @ rotation, y @ rotation) == pytest.approx(frechet_distance(x, y), rel=1e-9)
    assert frechet_distance(y, x) == pytest.approx(frechet_distance(x, y), rel=1e-9)


def test_rows_are_accumulated_in_pieces_and_in_float64(monkeypatch):
    x = correlated(500, 8, seed=0, shift=1000.0)  # far from 0, where float32 sums would lose the covariance
    monkeypatch.setattr(module, "ROWS", 64)
    found = moments(x)
    expected = np.cov(x.astype(np.float64), rowvar=False)
    np.testing.assert_allclose(found.factor @ found.factor.T, expected, rtol=1e-9, atol=1e-12)


def test_features_that_are_always_zero_cost_no_precision():
    a, b = correlated(300, 20, seed=0), correlated(300, 20, seed=1)
    dead = lambda x: np.pad(x, ((0, 0), (0, 30)))  # noqa: E731
    assert frechet_distance(dead(a), dead(b)) == pytest.approx(frechet_distance(a, b), rel=1e-9)


def diagonal(mean: np.ndarray, deviations: np.ndarray) -> Moments:
    return Moments(mean, np.eye(len(mean)), deviations, 10**9)


def test_the_interval_holds_what_repeated_draws_give():
    width, count, rng = 6, 400, np.random.default_rng(0)
    deviations = np.linspace(0.5, 1.5, width)
    reference = diagonal(np.full(width, 0.3), np.ones(width))
    scores = [frechet(rng.normal(size=(count, width)) * deviations, reference, network="x") for _ in range(200)]
    values = np.array([s.value for s in scores])
    covered = np.mean([s.low <= values.mean() <= s.high for s in scores])
    assert 0.90 <= covered <= 0.99
    standard_error = np.mean([(s.high - s.low) / 2 / 1.96 for s in scores])
    assert standard_error == pytest.approx(values.std(), rel=0.15)


def test_influence_is_the_derivative_of_the_distance():
    x, reference = correlated(60, 5, seed=0, shift=0.3).astype(np.float64), moments(correlated(80, 5, seed=1))
    step = 1e-4

    def weighted(k: int, extra: float) -> float:
        """FD with image k weighing 1 + extra, from weighted moments."""
        weight = np.ones(len(x))
        weight[k] += extra
        weight /= weight.sum()
        mean = weight @ x
        covariance = (weight[:, None] * (x - mean)).T @ (x - mean) * len(x) / (len(x) - 1)
        variances, directions = np.linalg.eigh(covariance)
        return frechet_distance(Moments(mean, directions, np.sqrt(variances), len(x)), reference)

    found = influence(x, moments(x), reference)
    slopes = np.array([(weighted(k, step) - weighted(k, -step)) / (2 * step) for k in range(8)]) * len(x)
    # up to a constant, and to the factor n / (n - 1) of the unbiased covariance
    np.testing.assert_allclose(slopes - slopes[0], found[:8] - found[0], rtol=0.05, atol=0.05)


def test_the_extrapolation_takes_the_bias_away():
    width, count, rng = 10, 80, np.random.default_rng(1)
    deviations, mean = np.linspace(0.5, 1.5, width), np.full(width, 0.2)
    reference = diagonal(np.zeros(width), np.ones(width))
    truth = frechet_distance(diagonal(mean, deviations), reference)
    draws = [rng.normal(size=(count, width)) * deviations + mean for _ in range(60)]
    plain = np.mean([frechet_distance(x, reference) for x in draws])
    unbiased = np.mean([frechet_unbiased(x, reference, network="x").value for x in draws])
    assert plain - truth > 0.1
    assert abs(unbiased - truth) < 0.25 * (plain - truth)


def test_scores_say_their_network_and_where_they_mislead():
    few, many = correlated(20, 40, seed=0), correlated(100, 40, seed=1)
    score = frechet(few, many, network="EffNetLite0")
    assert (score.name, score.label, score.count, score.better) == ("frechet", "FD-EffNetLite0", 20, "low")
    assert score.low < score.value < score.high
    assert "20 samples for 40 features" in score.note
    assert "KID, precision and recall remain meaningful" in score.note
    assert frechet(many, many[::-1], network="x").note == ""
    assert frechet(many, few, network="x").note.startswith("20 reference images for 40 features")
    assert frechet(few, many, network="x", name="rfd", prefix="rFD").label == "rFD-x"
    unbiased = frechet_unbiased(few, many, network="x")
    assert unbiased.label == "FD∞-x"
    assert "an estimate from above" in unbiased.note


@pytest.mark.parametrize(
    ("samples", "reference", "sentence"),
    [
        (np.zeros((5, 3)), np.zeros((5, 4)), "width 3 and the reference of width 4"),
        (np.zeros((1, 3)), np.zeros((5, 3)), "1 samples: at least 2"),
        (np.zeros((5, 3)), np.zeros((1, 3)), "1 reference images: at least 2"),
        (np.zeros(5), np.zeros((5, 3)), r"shape \(5,\)"),
        (np.full((5, 3), np.nan), np.zeros((5, 3)), "5 of 5 samples are NaN"),
    ],
)
def test_bad_features_are_refused(samples, reference, sentence):
    with pytest.raises(InputError, match=sentence):
        frechet_distance(samples, reference)
    with pytest.raises(InputError, match=sentence):
        frechet(samples, reference, network="x")


def test_too_few_samples_for_a_line():
    with pytest.raises(InputError, match="7 samples: at least 8"):
        frechet_unbiased(np.eye(7), np.eye(7), network="x")
