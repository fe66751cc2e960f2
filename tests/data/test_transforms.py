"""The flip depends on seed, epoch and index, and on nothing else."""

import numpy as np
import pytest
import torch

from debruit.data.transforms import flip, flips


def test_half_are_flipped_independently():
    indices = np.arange(20_000)
    first = flips(0, 0, indices)
    assert abs(first.mean() - 0.5) < 0.02
    for other in (
        flips(1, 0, indices),
        flips(-1, 0, indices),
        flips(0, 1, indices),
        flips(0, 0, indices + 1),
    ):
        assert abs((first == other).mean() - 0.5) < 0.02


@pytest.mark.parametrize("dtype", [torch.uint8, torch.uint16, torch.float32])
@pytest.mark.parametrize("shape", [(6, 3, 4, 5), (6, 1, 2, 4, 6)])
def test_flip_mirrors_the_chosen_and_no_others_in_any_batch(dtype, shape):
    images = torch.arange(int(np.prod(shape)), dtype=torch.int32).reshape(shape).to(dtype)
    indices = [10, 11, 12, 13, 14, 15]
    found = flip(images, flips(3, 2, indices))
    assert found.dtype == dtype
    for n, chosen in enumerate(flips(3, 2, indices)):
        expected = images[n].numpy()[..., ::-1] if chosen else images[n].numpy()
        np.testing.assert_array_equal(found[n].numpy(), expected)
        alone = flip(images[n : n + 1], flips(3, 2, [indices[n]]))
        np.testing.assert_array_equal(alone[0].numpy(), found[n].numpy())


def test_items_of_one_batch_may_be_of_different_epochs():
    epochs, indices = np.repeat([0, 1], 50), np.tile(np.arange(50), 2)
    expected = np.concatenate([flips(5, 0, np.arange(50)), flips(5, 1, np.arange(50))])
    np.testing.assert_array_equal(flips(5, epochs, indices), expected)
