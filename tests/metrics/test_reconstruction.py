"""What reconstructions lose: PSNR and SSIM against scikit-image, rFD and the gap by their definitions and by
resampling."""

import numpy as np
import pytest
import torch
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from debruit.errors import InputError
from debruit.images.spec import DataSpec
from debruit.metrics.frechet import frechet_distance
from debruit.metrics.reconstruction import gap, perceptual, psnr, reconstruction, rfd

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


def features(count: int = 400, width: int = 5) -> tuple[np.ndarray, np.ndarray]:
    """Of originals, and of what became of them: a little narrower, shifted, with noise of their own."""
    rng = np.random.default_rng(0)
    originals = rng.normal(size=(count, width))
    return 0.8 * originals + 0.2 + 0.2 * rng.normal(size=originals.shape), originals


def test_rfd_is_the_frechet_distance_of_the_two_sets_and_0_without_loss():
    decoded, originals = features()
    found = rfd(decoded, originals, network="Some")
    assert found.value == pytest.approx(frechet_distance(decoded, originals))
    assert (found.name, found.label, found.count, found.better) == ("rfd", "rFD-Some", 400, "low")
    assert rfd(originals, originals, network="Some").value == pytest.approx(0, abs=1e-9)
    assert "40 images for 50 features" in rfd(*features(40, 50), network="Some").note
    with pytest.raises(InputError, match="at least 2 of each, in pairs"):
        rfd(decoded[:1], originals[:1], network="Some")


def test_the_interval_of_rfd_is_that_of_drawing_pairs_again():
    """The same image on both sides: the spread is far smaller than with one side held fixed, and agrees with a
    bootstrap of the pairs."""
    decoded, originals = features()
    found, rng = rfd(decoded, originals, network="Some"), np.random.default_rng(1)
    drawn = [rng.integers(0, len(decoded), len(decoded)) for _ in range(300)]
    again = np.std([frechet_distance(decoded[i], originals[i]) for i in drawn])
    error = (found.high - found.low) / 2 / 1.96
    assert error == pytest.approx(again, rel=0.15)
    fixed = np.std([frechet_distance(decoded[i], originals) for i in drawn])
    assert fixed > 1.3 * error


def test_the_gap_of_two_figures():
    seen, unseen = perceptual(np.full(50, 0.1), network="X"), perceptual(np.linspace(0.1, 0.3, 50), network="X")
    found = gap(unseen, seen)
    assert (found.label, found.count, found.better) == ("perceptual-X", 100, "low")
    assert found.value == pytest.approx(0.1)
    error = np.linspace(0.1, 0.3, 50).std() / 50**0.5
    assert (found.high - found.low) / 2 / 1.96 == pytest.approx(error, rel=0.2)
    assert found.low > 0
