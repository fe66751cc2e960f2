"""KID: against torchmetrics and the printed sum, unbiased, with an interval that holds."""

import numpy as np
import pytest
import torch
from torch import nn

from debruit.errors import InputError
from debruit.metrics import kernel
from debruit.metrics.kernel import kid


def draw(count: int, width: int = 16, *, seed: int, shift: float = 0.0) -> np.ndarray:
    return (np.random.default_rng(seed).standard_normal((count, width)) + shift).astype(np.float32)


def printed(x: np.ndarray, y: np.ndarray) -> float:
    """Equation 4 with the whole matrices."""
    x, y = x.astype(np.float64), y.astype(np.float64)
    k = lambda a, b: (a @ b.T / x.shape[1] + 1) ** 3  # noqa: E731
    off = lambda m: (m.sum() - np.trace(m)) / (len(m) * (len(m) - 1))  # noqa: E731
    return off(k(x, x)) + off(k(y, y)) - 2 * k(x, y).mean()


@pytest.mark.parametrize("block", [7, 4096])
def test_agrees_with_the_printed_sum_whatever_the_blocks(monkeypatch, block):
    monkeypatch.setattr(kernel, "BLOCK", block)
    x, y = draw(50, seed=0, shift=0.3), draw(80, seed=1)
    assert kid(x, y, network="x").value == pytest.approx(printed(x, y), rel=1e-9)


def test_agrees_with_torchmetrics():
    from torchmetrics.image.kid import KernelInceptionDistance

    x, y = draw(60, seed=0, shift=0.3), draw(60, seed=1)
    flatten = nn.Flatten()
    flatten.num_features = 16
    peer = KernelInceptionDistance(feature=flatten, subsets=1, subset_size=60).set_dtype(torch.float64)
    peer.update(torch.from_numpy(y).double()[:, :, None, None], real=True)
    peer.update(torch.from_numpy(x).double()[:, :, None, None], real=False)
    assert kid(x, y, network="x").value == pytest.approx(float(peer.compute()[0]), rel=1e-6)


@pytest.mark.parametrize("shift", [0.0, 0.3])  # where the two agree, the variance is that of the second order alone
def test_unbiased_with_an_interval_that_holds(shift):
    reference = draw(120, seed=1)
    scores = [kid(draw(60, seed=10 + n, shift=shift), reference, network="x") for n in range(120)]
    values = np.array([s.value for s in scores])
    truth = kid(draw(2500, seed=2, shift=shift), reference, network="x").value
    assert abs(values.mean() - truth) < 4 * values.std() / np.sqrt(len(values))
    covered = np.mean([s.low <= truth <= s.high for s in scores])
    assert 0.88 <= covered <= 0.995


def test_a_large_reference_is_sampled_from_and_that_is_reported():
    x, y = draw(50, seed=0, shift=0.5), draw(500, seed=1)
    score = kid(x, y, network="EffNetLite0", most=100)
    assert "against 100 reference images" in score.note
    assert (score.name, score.label, score.count) == ("kid", "KID-EffNetLite0", 50)
    assert score == kid(x, y, network="EffNetLite0", most=100)
    assert score.value == pytest.approx(kid(x, y, network="x").value, rel=0.3)


def test_other_widths_are_refused():
    with pytest.raises(InputError, match="width 3 and the reference of width 4"):
        kid(np.zeros((5, 3)), np.zeros((5, 4)), network="x")
