"""What a network sees of data of any depth, number of channels and size."""

import numpy as np
import pytest
import torch
from PIL import Image

from debruit.images.spec import DataSpec
from debruit.judges.features.preparation import normalised, resized


def spec(channels: int, depth: str = "uint8", low: float = 0, high: float = 255, size: int = 8) -> DataSpec:
    return DataSpec(name="x", channels=channels, height=size, width=size, depth=depth, low=low, high=high, count=2)


def pixels(channels: int, size: int = 8) -> torch.Tensor:
    g = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (2, channels, size, size), generator=g, dtype=torch.uint8)


def test_colours_are_as_they_are():
    x = pixels(3)
    torch.testing.assert_close(resized(x, spec(3), 8, 8), x.float(), atol=1e-4, rtol=0)


@pytest.mark.parametrize(("channels", "taken"), [(1, [0, 0, 0]), (2, [0, 0, 0]), (4, [0, 1, 2]), (7, [0, 1, 2])])
def test_other_numbers_of_channels(channels, taken):
    x = pixels(channels)
    torch.testing.assert_close(resized(x, spec(channels), 8, 8), x[:, taken].float(), atol=1e-4, rtol=0)


@pytest.mark.parametrize(
    ("depth", "low", "high", "scale"), [("uint16", 0, 65535, 257), ("float32", -3.0, 7.0, 10 / 255)]
)
def test_other_depths(depth, low, high, scale):
    x = pixels(1)
    deep = (x.double() * scale + low).to(getattr(torch, depth))
    found = resized(deep, spec(1, depth, low, high), 8, 8)
    torch.testing.assert_close(found, x.float().expand(-1, 3, -1, -1), atol=1e-3, rtol=0)


@pytest.mark.parametrize("size", [5, 8, 20, 31])  # smaller and larger than the original
def test_resizing_agrees_with_pillow(size):
    x = pixels(3, 16)
    found = resized(x, spec(3, size=16), size, size)
    assert found.min() >= 0
    assert found.max() <= 255
    for channel in range(3):
        image = Image.fromarray(x[0, channel].numpy().astype(np.float32))
        expected = np.asarray(image.resize((size, size), Image.Resampling.BICUBIC)).clip(0, 255)
        np.testing.assert_allclose(found[0, channel].numpy(), expected, atol=0.01)


def test_normalised_by_channel():
    x = torch.full((1, 3, 2, 2), 10.0)
    found = normalised(x, (1.0, 2.0, 4.0), (3.0, 4.0, 1.0))
    assert found[0, :, 0, 0].tolist() == [3.0, 2.0, 6.0]
