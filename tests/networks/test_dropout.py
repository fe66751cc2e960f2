"""Dropout with a stream of its own."""

import torch
from torch import nn

from debruit.networks.dropout import Dropout, draw_from, drops

ONES = torch.ones(100, 100)


def dropping(seed: int) -> torch.Tensor:
    module = nn.Sequential(nn.Linear(1, 1), Dropout(0.25), Dropout(0.5))
    draw_from(module, seed)
    return module[1](ONES)


def test_the_stream_decides_and_torchs_own_is_untouched():
    module = nn.Sequential(nn.Linear(1, 1), Dropout(0.25))
    before = torch.random.get_rng_state()
    draw_from(module, 5)
    module[1](ONES)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert torch.equal(dropping(5), dropping(5))
    assert not torch.equal(dropping(5), dropping(6))


def test_what_is_kept_makes_up_for_what_is_not():
    kept = dropping(5)
    assert set(kept.unique().tolist()) == {0.0, torch.tensor(1 / 0.75).item()}
    assert abs(kept.mean() - 1) < 0.02


def test_layers_differ_and_a_repeated_pass_drops_the_same():
    module = nn.Sequential(nn.Linear(1, 1), Dropout(0.5), Dropout(0.5))
    draw_from(module, 5)
    assert not torch.equal(module[1](ONES), module[2](ONES))
    assert torch.equal(module[1](ONES), module[1](ONES))


def test_nothing_is_dropped_but_in_training():
    module = nn.Sequential(nn.Linear(1, 1), Dropout(0.5)).eval()
    draw_from(module, 5)
    assert torch.equal(module[1](ONES), ONES)
    assert drops(module)
    assert not drops(nn.Sequential(Dropout(0.0)))
