"""The flip of an example depends on the seed and its position in the training, and on nothing else."""

import numpy as np
import pytest
import torch

from debruit.data.transforms import flip, flips
from debruit.errors import InputError
from debruit.rng import Purpose


def test_half_are_flipped_independently():
    first = flips(0, 0, 20_000)
    assert abs(first.mean() - 0.5) < 0.02
    for other in (
        flips(1, 0, 20_000),
        flips(0, 20_000, 20_000),
        flips(0, 1, 20_000),
        flips(0, 0, 20_000, purpose=Purpose.JUDGE_FLIP),
    ):
        assert abs((first == other).mean() - 0.5) < 0.02


def test_a_negative_seed_is_refused():
    with pytest.raises(InputError, match="give a whole number from 0"):
        flips(-1, 0, 4)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.uint16, torch.float32])
@pytest.mark.parametrize("shape", [(6, 3, 4, 5), (6, 1, 2, 4, 6)])
def test_flip_mirrors_the_chosen_and_no_others_in_any_batch(dtype, shape):
    images = torch.arange(int(np.prod(shape)), dtype=torch.int32).reshape(shape).to(dtype)
    found = flip(images, flips(3, 10, 6))
    assert found.dtype == dtype
    for n, chosen in enumerate(flips(3, 10, 6)):
        expected = images[n].numpy()[..., ::-1] if chosen else images[n].numpy()
        np.testing.assert_array_equal(found[n].numpy(), expected)
        alone = flip(images[n : n + 1], flips(3, 10 + n, 1))
        np.testing.assert_array_equal(alone[0].numpy(), found[n].numpy())
