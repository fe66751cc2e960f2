"""Tiles, against the whole image: with a codec that looks a known distance far, and with one that looks at its whole
tile."""

from itertools import pairwise

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from debruit.autoencoders.autoencoder import Autoencoder
from debruit.autoencoders.codec import Moments
from debruit.autoencoders.coder import Coder
from debruit.autoencoders.kl import KL
from debruit.autoencoders.tiling import _windows, decode_tiled, encode_tiled
from debruit.errors import InputError


class Local:
    """A codec by factor 2 whose latents look `reach` places far, and whose images look 2 pixels far; zeros beyond the
    border, as convolutions have them, so that the borders of tiles are wrong."""

    factor = 2

    def __init__(self, reach: int = 1, deterministic: bool = False):
        generator = torch.Generator().manual_seed(0)
        self.reach, self.deterministic, self.areas = reach, deterministic, []
        self.kernel = torch.randn(2, 3, 2 * reach + 1, 2 * reach + 1, generator=generator)
        self.back = torch.randn(3, 2, 5, 5, generator=generator)

    def encode(self, images):
        self.areas.append(images.shape[2] * images.shape[3])
        mean = F.conv2d(F.avg_pool2d(images, 2), self.kernel, padding=self.reach)
        return Moments(mean, None if self.deterministic else mean.abs() + 0.1)

    def decode(self, latents, size):
        self.areas.append(size[0] * size[1])
        return F.conv2d(F.interpolate(latents, scale_factor=2), self.back, padding=2)[:, :, : size[0], : size[1]]


class Means(Local):
    """A codec whose images are the mean of their tile: it looks as far as it can."""

    def decode(self, latents, size):
        return latents.mean((2, 3), keepdim=True).expand(*latents.shape[:2], *size)


SIZES = [(64, 64), (65, 97), (40, 200), (30, 50)]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("deterministic", [True, False])
def test_a_codec_that_looks_less_far_than_the_context_gives_the_whole_image(size, deterministic):
    module, images = Local(deterministic=deterministic), torch.randn(2, 3, *size)
    padded = F.pad(images, (0, size[1] % 2, 0, size[0] % 2), mode="replicate")
    whole, tiled = module.encode(padded), encode_tiled(module, images, tile=32, overlap=16)
    torch.testing.assert_close(tiled.mean, whole.mean, rtol=1e-5, atol=1e-5)
    assert (tiled.std is None) == deterministic
    if tiled.std is not None:
        torch.testing.assert_close(tiled.std, whole.std, rtol=1e-5, atol=1e-5)
    images = decode_tiled(module, whole.mean, size, tile=32, overlap=16)
    torch.testing.assert_close(images, module.decode(whole.mean, size), rtol=1e-5, atol=1e-4)


def test_a_codec_that_looks_farther_does_not():
    """Without which the test above would say nothing."""
    module, images = Local(reach=4), torch.randn(1, 3, 64, 64)
    assert not torch.allclose(
        encode_tiled(module, images, tile=32, overlap=16).mean, module.encode(images).mean, atol=0.1
    )


@pytest.mark.parametrize("overlap", [0, 8, 30])
def test_a_constant_stays_constant(overlap):
    images = decode_tiled(Means(), torch.full((1, 2, 50, 33), 3.0), (100, 66), tile=32, overlap=overlap)
    torch.testing.assert_close(images, torch.full((1, 2, 100, 66), 3.0))


def test_seams_are_linear():
    """Between tiles of other means, a pixel differs from its neighbour by at most the difference over half of the
    overlap."""
    latents = torch.zeros(1, 1, 8, 40)
    latents[..., 20:] = 1.0
    row = decode_tiled(Means(), latents, (16, 80), tile=48, overlap=16)[0, 0, 0]
    steps = row.diff()
    assert float(row[-1] - row[0]) > 0.5
    assert float(steps.min()) >= -1e-6
    assert float(steps.max()) <= float(row[-1] - row[0]) / 8 + 1e-6


@pytest.mark.parametrize("size", SIZES)
def test_the_module_never_sees_more_than_a_tile(size):
    module = Local()
    moments = encode_tiled(module, torch.randn(1, 3, *size), tile=32, overlap=8)
    decode_tiled(module, moments.mean, size, tile=32, overlap=8)
    assert max(module.areas) <= 32 * 32
    assert sum(module.areas) >= 2 * size[0] * size[1]


@given(st.integers(1, 60), st.integers(1, 20), st.integers(0, 19), st.integers(1, 4))
def test_weights_are_a_partition_of_one(length, tile, overlap, scale):
    overlap = min(overlap, tile - 1)
    windows, total = _windows(length, tile, overlap, scale), torch.zeros(length * scale, dtype=torch.float64)
    for window in windows:
        assert window.stop - window.start == min(tile, length)
        assert window.weight.min() >= 0
        total[window.start * scale : window.stop * scale] += window.weight
    torch.testing.assert_close(total, torch.ones_like(total))
    assert all(left.stop - right.start >= overlap for left, right in pairwise(windows))
    assert len(windows) == 1 or (len(windows) - 1) * (tile - overlap) < length - overlap  # one fewer would not do


def test_one_tile_is_the_autoencoder_itself():
    codec = Autoencoder(coder=Coder(channels=8, multipliers=(1, 2), blocks=1, groups=4), bottleneck=KL(channels=2))
    module, images = codec.build(3).eval(), torch.randn(2, 3, 29, 37)
    moments, tiled = module.encode(images), encode_tiled(module, images)
    torch.testing.assert_close(tiled.mean, moments.mean)
    torch.testing.assert_close(tiled.std, moments.std)
    torch.testing.assert_close(decode_tiled(module, moments.mean, (29, 37)), module.decode(moments.mean, (29, 37)))
    large = torch.randn(1, 3, 60, 100)
    latents = encode_tiled(module, large, tile=32, overlap=8).mean
    assert latents.shape == (1, 2, 30, 50)
    assert decode_tiled(module, latents, (60, 100), tile=32, overlap=8).shape == large.shape


@pytest.mark.parametrize(("tile", "overlap"), [(64, 64), (1, 0), (65, 64), (64, -2)])
def test_tiles_that_are_all_overlap(tile, overlap):
    sentence = f"tiles of {tile} pixels with an overlap of {overlap} at a factor of 2 leave nothing of a tile"
    with pytest.raises(InputError, match=sentence):
        encode_tiled(Local(), torch.randn(1, 3, 80, 80), tile=tile, overlap=overlap)
    with pytest.raises(InputError, match=sentence):
        decode_tiled(Local(), torch.randn(1, 2, 40, 40), (80, 80), tile=tile, overlap=overlap)
