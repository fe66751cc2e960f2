"""SSIM against scikit-image, and what it must be on images where that is known."""

import numpy as np
import pytest
import torch
from skimage.metrics import structural_similarity

from debruit.autoencoders.fidelity import ssim


def images(count, channels, height, width, seed):
    return np.random.default_rng(seed).integers(0, 256, (count, channels, height, width), dtype=np.uint8)


@pytest.mark.parametrize("shape", [(3, 1, 28, 28), (2, 3, 20, 33), (1, 4, 11, 11)])
def test_agrees_with_scikit_image(shape):
    a = images(*shape, seed=0)
    b = (0.7 * a + 0.3 * images(*shape, seed=1)).astype(np.uint8)
    found = ssim(torch.from_numpy(a), torch.from_numpy(b), value_range=255)
    for k in range(shape[0]):
        expected = structural_similarity(
            a[k], b[k], channel_axis=0, data_range=255, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
        )
        assert float(found[k]) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("side", [1, 2, 8, 10, 16])
def test_small_images_have_a_value_too(side):
    a = torch.from_numpy(images(4, 1, side, side, seed=0))
    assert ssim(a, a, value_range=255).numpy() == pytest.approx(1)
    dark = a // 4
    assert (ssim(dark, 255 - dark, value_range=255) < 0.9).all()


def test_independent_of_units_and_symmetric():
    a, b = (torch.from_numpy(images(2, 3, 16, 16, seed=s)) for s in (0, 1))
    found = ssim(a, b, value_range=255)
    torch.testing.assert_close(ssim(b, a, value_range=255), found)
    torch.testing.assert_close(ssim(a.double() / 255, b.double() / 255, value_range=1), found)
