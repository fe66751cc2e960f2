"""Noise that belongs to an image, and generators that belong to a key."""

import pytest
import torch

from debruit.sampling.noise import ImageNoise, generator


def test_the_images_of_a_seed_never_share_their_noise():
    """torch keeps 32 bits of a seed: hashing alone would make two of 50,000 images equal for one user in four."""
    assert len({generator(0, n).initial_seed() for n in range(50_000)}) == 50_000
    assert generator(3, 4).initial_seed() < 2**32


def test_torch_keeps_32_bits_of_a_seed():
    """The reason for the above. Should it ever end, so may the care."""
    low, high = (torch.randn(4, generator=torch.Generator().manual_seed(s)) for s in (5, 5 + 2**32))
    assert torch.equal(low, high)


def test_keys_are_independent():
    keys = [(0,), (1,), (0, 0), (0, 1), (1, 0), (1, 1), (2, 1), (1, 2), (0, 0, 0), (0, 2**40), (-1, 0), (0, 2**32)]
    drawn = torch.stack([torch.randn(4000, generator=generator(*key)) for key in keys])
    correlation = torch.corrcoef(drawn) - torch.eye(len(keys))
    assert correlation.abs().max() < 0.08  # five standard deviations
    again = torch.stack([torch.randn(4000, generator=generator(*key)) for key in keys])
    assert torch.equal(drawn, again)


def test_seeds_are_not_shifted_copies_of_each_other():
    """Image n of one seed is not image n + k of another, for any run of images."""
    first, second = ([generator(seed, n).initial_seed() for n in range(2000)] for seed in (0, 1))
    assert len(set(first) & set(second)) <= 1


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
