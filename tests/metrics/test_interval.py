"""Intervals: against known values and repeated draws."""

import numpy as np
import pytest

from debruit.metrics.interval import around, jackknife, proportion


def test_wilson_against_published_values():
    # Newcombe 1998, Statistics in Medicine 17, table I, method 3
    assert proportion(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert proportion(15, 148) == pytest.approx((0.0624, 0.1605), abs=5e-5)
    assert proportion(0, 20) == pytest.approx((0.0, 0.1611), abs=5e-5)
    assert proportion(1, 29) == pytest.approx((0.0061, 0.1718), abs=5e-5)


def test_normal_interval():
    assert around(10.0, 2.0) == pytest.approx((10 - 3.92, 10 + 3.92), abs=1e-3)


def test_jackknife_of_a_mean_is_its_standard_error():
    x = np.random.default_rng(0).normal(size=50)
    left_out = np.array([np.delete(x, k).mean() for k in range(50)])
    low, high = jackknife(x.mean(), left_out)
    assert (high - low) / 2 / 1.959964 == pytest.approx(x.std(ddof=1) / np.sqrt(50), rel=1e-9)
