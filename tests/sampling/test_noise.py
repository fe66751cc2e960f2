"""Noise that belongs to an image."""

import pytest
import torch

from debruit.rng import Purpose
from debruit.sampling.noise import ImageNoise


@pytest.mark.parametrize("indices", [[0], [5], [2, 0, 1], [9, 5, 2]])
def test_image_noise_is_the_same_alone_in_any_batch_and_order(indices):
    whole, part = ImageNoise(4, range(10), (2, 3)), ImageNoise(4, indices, (2, 3))
    for _ in range(3):  # and draw after draw
        assert torch.equal(whole()[indices], part())


def test_image_noise_is_fresh_normal_noise():
    noise = ImageNoise(0, range(40), (10, 10))
    first, second = noise(), noise()
    assert first.shape == (40, 10, 10)
    assert first.dtype == torch.float32
    together = torch.stack([first, second]).flatten(1)
    assert abs(float(together.mean())) < 0.05
    assert abs(float(together.std()) - 1) < 0.05
    assert abs(float(torch.corrcoef(together)[0, 1])) < 0.08
    assert not torch.equal(ImageNoise(1, range(40), (10, 10))(), first)
    assert not torch.equal(ImageNoise(0, range(40), (10, 10), purpose=Purpose.VARIATION)(), first)
