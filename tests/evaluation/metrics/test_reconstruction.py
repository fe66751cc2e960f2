"""PSNR and SSIM of reconstructions, against scikit-image."""

import numpy as np
import pytest
import torch
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from debruit.data.dataset import DataSpec
from debruit.errors import InputError
from debruit.evaluation.metrics.reconstruction import psnr, reconstruction

SPEC = DataSpec(name="x", channels=3, height=16, width=16, depth="uint8", low=0, high=255, count=10)


def pair(count: int = 10) -> tuple[torch.Tensor, torch.Tensor]:
    g = torch.Generator().manual_seed(0)
    a = torch.randint(0, 240, (count, 3, 16, 16), generator=g, dtype=torch.uint8)
    return a, a + torch.randint(0, 15, a.shape, generator=g, dtype=torch.uint8)


def test_agrees_with_scikit_image():
    a, b = pair()
    decibels, similar = reconstruction(a, b, SPEC)
    expected = [peak_signal_noise_ratio(x.numpy(), y.numpy(), data_range=255) for x, y in zip(a, b, strict=True)]
    assert decibels.value == pytest.approx(np.mean(expected), rel=1e-5)
    options = {"channel_axis": 0, "data_range": 255, "gaussian_weights": True, "use_sample_covariance": False}
    expected = [structural_similarity(x.numpy(), y.numpy(), **options) for x, y in zip(a, b, strict=True)]
    assert similar.value == pytest.approx(np.mean(expected), rel=1e-5)
    assert (decibels.unit, decibels.count, decibels.better) == ("dB", 10, "high")
    assert decibels.low < decibels.value < decibels.high


def test_an_error_of_a_tenth_of_the_range_is_20_decibels():
    x = torch.zeros(1, 1, 4, 4)
    assert psnr(x, x + 0.1, value_range=1).item() == pytest.approx(20, rel=1e-6)


def test_exact_reconstructions_are_counted_apart():
    a, b = pair()
    mixed = torch.cat([a[:3], b[3:]])
    decibels, _ = reconstruction(a, mixed, SPEC)
    assert decibels.value == pytest.approx(reconstruction(a[3:], b[3:], SPEC)[0].value)
    assert decibels.note == "3 of 10 images came back exactly and are left out"
    decibels, similar = reconstruction(a, a, SPEC)
    assert decibels.value == np.inf
    assert similar.value == pytest.approx(1)


def test_sets_that_do_not_pair():
    a, b = pair()
    with pytest.raises(InputError, match="give them in pairs"):
        reconstruction(a, b[:5], SPEC)
