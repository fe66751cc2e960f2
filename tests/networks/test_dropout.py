"""Dropout whose masks belong to examples."""

import numpy as np
import pytest
import torch
from torch import nn

from debruit.networks.dropout import Dropout, draw_from, drops, factors
from debruit.rng import Purpose, stream

ONES = torch.ones(100, 100)


def keys(count=100, seed=5):
    return stream(Purpose.DROPOUT, seed, 0).word_rows(0, count)[:, 0]


def dropping(own: np.ndarray, x: torch.Tensor = ONES) -> torch.Tensor:
    module = nn.Sequential(nn.Linear(1, 1), Dropout(0.25), Dropout(0.5))
    draw_from(module, own)
    return module[1](x)


def test_the_keys_decide_and_torchs_own_stream_is_untouched():
    module = nn.Sequential(nn.Linear(1, 1), Dropout(0.25))
    before = torch.random.get_rng_state()
    draw_from(module, keys())
    module[1](ONES)
    assert torch.equal(torch.random.get_rng_state(), before)
    first = dropping(keys())
    assert torch.equal(dropping(keys()), first)
    assert not torch.equal(dropping(keys(seed=6)), first)


@pytest.mark.parametrize("shape", [(10, 7), (10, 3, 200, 201), (10, 64, 32, 33)])
def test_the_mask_of_an_example_is_the_same_in_any_batch(shape):
    x = torch.randn(shape)
    whole, own = dropping(keys(10), x), keys(10)
    assert torch.equal(torch.cat([dropping(own[:3], x[:3]), dropping(own[3:], x[3:])]), whole)
    order = np.array([4, 9, 0])
    assert torch.equal(dropping(own[order], x[order]), whole[order])
    assert torch.equal(dropping(own, x.flatten()).view(shape), whole), (
        "the k rows of an example may stand by themselves"
    )


def test_what_is_kept_makes_up_for_what_is_not():
    kept = dropping(keys())
    assert kept.unique().tolist() == [0.0, pytest.approx(1 / 0.75)]
    assert abs(kept.mean() - 1) < 0.02


@pytest.mark.parametrize("p", [0.0001, 0.1, 0.3, 0.9])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32, torch.float64])
def test_the_mean_is_kept_whatever_the_precision(dtype, p):
    """As many are kept as the scale of what is kept makes up for, to 15 bits; in bfloat16 p is rounded with it."""
    layer = Dropout(p)
    draw_from(nn.Sequential(layer), keys())
    found = layer(torch.ones(100, 20_001, dtype=dtype)).double()
    share = float((found > 0).double().mean())
    assert found.unique().numel() == 2
    assert share == pytest.approx(1 - p, rel=0.005, abs=0.001)
    assert found.mean() == pytest.approx(1, rel=4 * (p / (1 - p) / found.numel()) ** 0.5 + 2 / 2**15 / (1 - p))


def test_what_a_gpu_or_a_compiler_drops_is_the_same(monkeypatch):
    layer, x = Dropout(0.3), torch.randn(100, 37)
    draw_from(nn.Sequential(layer), keys())
    for dtype in (torch.bfloat16, torch.float32):
        own = layer(x.to(dtype))
        with monkeypatch.context() as patch:
            patch.setattr(torch.compiler, "is_compiling", lambda: True)
            assert torch.equal(layer(x.to(dtype)), own)


def test_masks_are_fair_coins_within_and_between_examples():
    """Correlations at every lag, of rows with themselves and with each other, by the Fourier transform: none above six
    standard deviations."""
    values = 2**16
    for of_examples in (keys(12), np.arange(12, dtype=np.uint64)):
        layer = Dropout(0.5)
        draw_from(nn.Sequential(layer), of_examples)
        spectrum = torch.fft.fft(factors(layer.keys, values, 0.5, torch.float32).double() - 1)
        own = torch.fft.ifft(spectrum * spectrum.conj()).real[:, 1:]
        cross = torch.fft.ifft(spectrum[:6] * spectrum[6:].conj()).real
        assert max(own.abs().max(), cross.abs().max()) < 6 * values**0.5


def test_layers_differ_and_a_repeated_pass_drops_the_same():
    module = nn.Sequential(nn.Linear(1, 1), Dropout(0.5), Dropout(0.5))
    draw_from(module, keys())
    assert not torch.equal(module[1](ONES), module[2](ONES))
    assert torch.equal(module[1](ONES), module[1](ONES))


def test_nothing_is_dropped_but_in_training():
    module = nn.Sequential(nn.Linear(1, 1), Dropout(0.5)).eval()
    draw_from(module, keys())
    assert torch.equal(module[1](ONES), ONES)
    assert drops(module)
    assert not drops(nn.Sequential(Dropout(0.0)))
