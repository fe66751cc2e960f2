"""Diversity: 0 for one picture repeated, within classes where asked, pairs never of an image with itself."""

import numpy as np
import pytest
import torch

from debruit.autoencoders.fidelity import ssim
from debruit.errors import InputError
from debruit.images.spec import DataSpec
from debruit.metrics.diversity import _pairs, diversity

SPEC = DataSpec(name="x", channels=1, height=12, width=12, depth="uint8", low=0, high=255, count=20)


def noise(count: int, seed: int = 0) -> torch.Tensor:
    return torch.randint(150, 256, (count, 1, 12, 12), generator=torch.Generator().manual_seed(seed), dtype=torch.uint8)


def test_one_picture_again_and_again():
    score = diversity(noise(1).expand(10, -1, -1, -1), SPEC, pairs=50)
    assert score.value == pytest.approx(0, abs=1e-12)
    assert score.count == 10


def test_the_mean_over_all_pairs():
    x = noise(6)
    one, other = np.triu_indices(6, 1)
    expected = 1 - ssim(x[one], x[other], value_range=255).mean()
    score = diversity(x, SPEC, pairs=6000)
    assert score.value == pytest.approx(float(expected), abs=0.01)
    assert score.low <= score.value <= score.high


def test_within_classes_only_pairs_of_a_class_count():
    x = noise(3).repeat_interleave(4, dim=0)  # three pictures, four times each
    labels = np.repeat([0, 1, 2], 4)
    assert diversity(x, SPEC, labels=labels, pairs=100).value == pytest.approx(0, abs=1e-12)
    assert diversity(x, SPEC, pairs=100).value > 0.1


def test_pairs_are_of_different_images_of_one_class_all_equally_often():
    labels = np.array([5, 2, 5, 2, 5, 9])  # a class with one image has no pairs
    pairs = _pairs(6, labels, 20_000, np.random.default_rng(0))
    assert (labels[pairs[:, 0]] == labels[pairs[:, 1]]).all()
    assert (pairs[:, 0] != pairs[:, 1]).all()
    counts = np.zeros((6, 6), int)
    np.add.at(counts, tuple(pairs.T), 1)
    assert set(zip(*np.nonzero(counts), strict=True)) == {
        (0, 2),
        (2, 0),
        (0, 4),
        (4, 0),
        (2, 4),
        (4, 2),
        (1, 3),
        (3, 1),
    }
    within = counts[np.ix_([0, 2, 4], [0, 2, 4])][~np.eye(3, dtype=bool)]
    assert within.min() > 0.9 * within.max()


def test_nothing_to_compare():
    with pytest.raises(InputError, match="none of 1 classes has two"):
        diversity(noise(1), SPEC)
    with pytest.raises(InputError, match="none of 3 classes has two"):
        diversity(noise(3), SPEC, labels=np.arange(3))
    with pytest.raises(InputError, match="one label an image"):
        diversity(noise(3), SPEC, labels=np.arange(2))
