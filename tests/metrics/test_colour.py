"""Colour shift: a tint and a fade that were put in are found, in units of the range, at every depth."""

import numpy as np
import pytest
import torch

from debruit.errors import InputError
from debruit.images.spec import DataSpec
from debruit.metrics.colour import channel_moments, colour_shift


def spec(channels: int = 3, depth: str = "uint8", low: float = 0, high: float = 255) -> DataSpec:
    return DataSpec(name="x", channels=channels, height=8, width=8, depth=depth, low=low, high=high, count=40)


def pixels(count: int = 40, channels: int = 3, seed: int = 0) -> torch.Tensor:
    g = torch.Generator().manual_seed(seed)
    return torch.randint(40, 200, (count, channels, 8, 8), generator=g, dtype=torch.uint8)


def test_a_tint_and_a_fade_are_found_where_they_are():
    data = pixels()
    samples = data.clone()
    samples[:, 0] += 51  # red brighter by a fifth of the range
    samples[:, 2] = (samples[:, 2].float() / 2 + 60).to(torch.uint8)  # blue with half its contrast
    scores = {s.name: s for s in colour_shift(channel_moments(samples, spec()), channel_moments(data, spec()))}
    assert scores["colour-mean-red"].value == pytest.approx(0.2, abs=1e-6)
    assert scores["colour-spread-red"].value == pytest.approx(0, abs=1e-6)
    assert scores["colour-mean-green"].value == pytest.approx(0, abs=1e-6)
    spread = float(data[:, 2].double().std(correction=0)) / 255
    assert scores["colour-spread-blue"].value == pytest.approx(-spread / 2, abs=2e-3)
    assert scores["colour-mean-red"].low <= 0.2 <= scores["colour-mean-red"].high
    assert scores["colour-mean-red"].note.startswith("samples 0.6")


def test_moments_are_those_of_all_pixels_whatever_the_batches():
    data = pixels()
    found = channel_moments(data, spec())
    expected = data.double().transpose(0, 1).flatten(1) / 255
    np.testing.assert_allclose(found.mean, expected.mean(dim=1), atol=1e-6)
    np.testing.assert_allclose(found.spread, expected.std(dim=1, correction=0), atol=1e-6)
    batched = channel_moments(iter(data.split(7)), spec())
    np.testing.assert_allclose(batched.first, found.first)


@pytest.mark.parametrize(
    ("depth", "low", "high", "scale"), [("uint16", 0, 65535, 257), ("float32", -2.0, 8.0, 10 / 255)]
)
def test_depths_mean_the_same(depth, low, high, scale):
    data = pixels(channels=1)
    deep = (data.double() * scale + low).to(getattr(torch, depth))
    found = channel_moments(deep, spec(1, depth, low, high))
    np.testing.assert_allclose(found.mean, channel_moments(data, spec(1)).mean, atol=1e-6)


def test_channels_have_names_where_there_are_any():
    def names(k):
        return [s.label for s in colour_shift(*[channel_moments(pixels(channels=k), spec(k))] * 2)][::2]

    assert names(1) == ["mean of grey: samples less data"]
    assert names(2) == ["mean of channel 0: samples less data", "mean of channel 1: samples less data"]


def test_other_channels_are_refused():
    with pytest.raises(InputError, match="3 channels and the data 1"):
        colour_shift(channel_moments(pixels(), spec()), channel_moments(pixels(channels=1), spec(1)))
