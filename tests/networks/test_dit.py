"""The diffusion transformer: positions that differ, and what it refuses. The laws of every network:
test_every_network.py."""

import pytest
import torch

from debruit.errors import InputError
from debruit.networks.dit import DiT, positions


def test_positions_of_patches_differ():
    grid = positions(16, 32, 64, torch.device("cpu"))
    distances = torch.cdist(grid, grid) + 10 * torch.eye(16 * 32)
    assert distances.min() > 0.1


def test_a_width_that_the_heads_do_not_divide_is_refused():
    with pytest.raises(InputError, match="width 20 in heads of 8"):
        DiT(width=20, head_channels=8).build(3, 3)


def test_pooled_tokens_need_tokens():
    with pytest.raises(InputError, match="set network.token_channels"):
        DiT(width=16, head_channels=8, pooled_tokens=True).build(3, 3)
