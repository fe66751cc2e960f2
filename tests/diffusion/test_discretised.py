"""The Gaussian and its discretised likelihood over 8-bit bins."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import F64
from scipy import stats

from debruit.diffusion.gaussian import Gaussian, discretised_log_likelihood

BINS = 2 * torch.arange(256, dtype=F64) / 255 - 1


def law(mean: float, std: float) -> Gaussian:
    return Gaussian(torch.full((256,), mean, dtype=F64), torch.tensor(std**2, dtype=F64))


@settings(deadline=None, max_examples=50)
@given(st.floats(-1.5, 1.5), st.floats(1e-4, 30))
def test_bins_sum_to_one(mean, std):
    log_mass = discretised_log_likelihood(BINS, law(mean, std))
    assert (log_mass <= 1e-12).all()
    assert float(log_mass.exp().sum()) == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize(("mean", "std"), [(0.0, 0.3), (0.4, 0.1), (-0.9, 0.05), (0.2, 2.0)])
def test_same_as_scipys_differences(mean, std):
    """Where the difference of two distribution functions is accurate."""
    half, x = 1 / 255, BINS.numpy()
    low, high = np.where(x < -1 + half, -np.inf, x - half), np.where(x > 1 - half, np.inf, x + half)
    right = x > mean  # mirrored there, where 1 - cdf would cancel
    mass = np.where(
        right,
        stats.norm.sf(low, mean, std) - stats.norm.sf(high, mean, std),
        stats.norm.cdf(high, mean, std) - stats.norm.cdf(low, mean, std),
    )
    good = mass > 1e-250
    found = discretised_log_likelihood(BINS, law(mean, std)).numpy()
    np.testing.assert_allclose(found[good], np.log(mass[good]), rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("std", [1e-3, 1e-2])
@pytest.mark.parametrize("mean", [-1.0, 0.001, 0.3])
def test_far_tails_are_finite_and_fall(mean, std):
    """Up to 2000 standard deviations away, where masses are e^{-2,000,000}."""
    found = discretised_log_likelihood(BINS, law(mean, std))
    assert found.isfinite().all()
    peak = int(found.argmax())
    assert (found[: peak + 1].diff() > 0).all()
    assert (found[peak:].diff() < 0).all()


def test_gradients_are_finite_everywhere():
    mean = torch.linspace(-3, 3, 256, dtype=F64, requires_grad=True)
    log_variance = torch.linspace(-14, 4, 256, dtype=F64, requires_grad=True)
    found = discretised_log_likelihood(BINS, Gaussian(mean, log_variance.exp()))
    for gradient in torch.autograd.grad(found.sum(), (mean, log_variance)):
        assert gradient.isfinite().all()


def test_one_bit_values():
    """Two levels: black and white share the line at 0."""
    found = discretised_log_likelihood(torch.tensor([-1.0, 1.0]), Gaussian(torch.zeros(2), torch.ones(2)), levels=2)
    torch.testing.assert_close(found.exp(), torch.full((2,), 0.5, dtype=F64))


reals, variances = st.floats(-5, 5), st.floats(1e-3, 1e3)


@settings(deadline=None)
@given(reals, variances, reals, variances)
def test_kl_is_never_negative_and_is_torchs(m, v, n, w):
    p, q = (Gaussian(torch.tensor(a, dtype=F64), torch.tensor(b, dtype=F64)) for a, b in ((m, v), (n, w)))
    assert p.kl(q) >= -1e-12
    assert p.kl(p) == 0
    reference = torch.distributions.kl_divergence(
        torch.distributions.Normal(p.mean, p.variance.sqrt()), torch.distributions.Normal(q.mean, q.variance.sqrt())
    )
    torch.testing.assert_close(p.kl(q), reference, rtol=1e-8, atol=1e-9)
