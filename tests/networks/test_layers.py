"""The blocks of the U-Net, against their formulas."""

import math

import pytest
import torch
import torch.nn.functional as F

from debruit.networks.attention import Attention, SelfAttention, SpatialTransformer
from debruit.networks.layers import Downsample, Fold, ResidualBlock, Unfold, Upsample, norm, sinusoidal


def randomised(module):
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return module


@pytest.mark.parametrize("channels", [2, 8, 33])
def test_sinusoidal(channels):
    level = torch.tensor([0.0, 1.0, 999.0])
    found = sinusoidal(level, channels)
    half = channels // 2
    assert found.shape == (3, channels)
    for k in range(half):
        angle = level * 10_000 ** (-k / half)
        torch.testing.assert_close(found[:, k], angle.cos(), rtol=1e-3, atol=1e-3)
        torch.testing.assert_close(found[:, half + k], angle.sin(), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(("channels", "groups"), [(64, 32), (48, 16), (33, 1), (3, 1), (8, 8)])
def test_norm_has_as_many_groups_as_divide(channels, groups):
    layer, x = norm(channels, 32), torch.randn(2, channels, 4, 4)
    assert layer.num_groups == groups
    torch.testing.assert_close(layer(x), F.group_norm(x, groups, eps=1e-5), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("attend", [SelfAttention(8, 2, groups=4), SpatialTransformer(8, 2, 6, groups=4)])
def test_attention_knows_no_places(attend):
    """Permuting the places of the input permutes those of the output."""
    randomised(attend)
    x, tokens, order = torch.randn(2, 8, 3, 5), torch.randn(2, 4, 6), torch.randperm(15)
    permuted = x.flatten(2)[:, :, order].unflatten(2, (3, 5))
    expected = attend(x, tokens).flatten(2)[:, :, order]
    torch.testing.assert_close(attend(permuted, tokens).flatten(2), expected, rtol=1e-4, atol=1e-4)


def test_tokens_are_a_set():
    attend = randomised(SpatialTransformer(8, 2, 6, groups=4))
    x, tokens = torch.randn(2, 8, 3, 3), torch.randn(2, 5, 6)
    torch.testing.assert_close(attend(x, tokens.flip(1)), attend(x, tokens), rtol=1e-4, atol=1e-4)
    assert not torch.allclose(attend(x, tokens[:, :3]), attend(x, tokens))


@pytest.mark.parametrize("heads", [1, 2, 4])
def test_attention_is_softmax_of_scaled_products(heads):
    attend, x, context = randomised(Attention(8, 6, heads)), torch.randn(2, 3, 8), torch.randn(2, 5, 6)
    split = lambda y: y.unflatten(-1, (heads, 8 // heads)).transpose(1, 2)  # noqa: E731
    q, k, v = split(attend.q(x)), split(attend.k(context)), split(attend.v(context))
    weights = torch.softmax(q @ k.transpose(-1, -2) / math.sqrt(8 // heads), dim=-1)
    expected = attend.proj((weights @ v).transpose(1, 2).flatten(2))
    torch.testing.assert_close(attend(x, context), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "layer", [SelfAttention(8, 2, groups=4), SpatialTransformer(8, 2, 6, groups=4), ResidualBlock(8, 8, 16, groups=4)]
)
def test_residual_layers_start_as_the_identity(layer):
    x = torch.randn(2, 8, 4, 4)
    second = torch.randn(2, 16) if isinstance(layer, ResidualBlock) else torch.randn(2, 3, 6)
    torch.testing.assert_close(layer(x, second), x)


@pytest.mark.parametrize("scale_shift", [False, True])
def test_residual_block_is_its_formula(scale_shift):
    block = randomised(ResidualBlock(4, 6, 5, groups=2, scale_shift=scale_shift))
    x, embedding = torch.randn(2, 4, 3, 3), torch.randn(2, 5)
    moved = block.embed(F.silu(embedding))[:, :, None, None]
    h = block.conv_in(F.silu(F.group_norm(x, 2, block.norm_in.weight, block.norm_in.bias)))
    after = lambda h: F.group_norm(h, 2, block.norm_out.weight, block.norm_out.bias)  # noqa: E731
    if scale_shift:
        scale, shift = moved.chunk(2, 1)
        h = after(h) * (1 + scale) + shift
    else:
        h = after(h + moved)
    torch.testing.assert_close(block(x, embedding), block.skip(x) + block.conv_out(F.silu(h)), rtol=1e-4, atol=1e-4)


def test_resampling_halves_and_doubles():
    x = torch.randn(2, 4, 6, 8)
    assert Downsample(4)(x).shape == (2, 4, 3, 4)
    assert Upsample(4)(x).shape == (2, 4, 12, 16)
    for resample, shape in (("down", (2, 4, 3, 4)), ("up", (2, 4, 12, 16))):
        block = ResidualBlock(4, 4, 5, groups=2, resample=resample)
        assert block(x, torch.randn(2, 5)).shape == shape
    down, up = (ResidualBlock(4, 4, 5, groups=2, resample=r) for r in ("down", "up"))
    torch.testing.assert_close(down(up(x, torch.zeros(2, 5)), torch.zeros(2, 5)), x)  # averaging undoes repetition


def test_unfolding_undoes_folding():
    """With identities as weights nothing is lost: each place's channels come back to their place."""
    fold, unfold, x = Fold(3), Unfold(12, 3), torch.randn(2, 3, 4, 6)
    with torch.no_grad():
        fold.conv = torch.nn.Conv2d(12, 12, 1, bias=False)
        for conv in (fold.conv, unfold.conv):
            conv.weight.copy_(torch.eye(12)[:, :, None, None])
        unfold.conv.bias.zero_()
        torch.testing.assert_close(unfold(fold(x)), x)
        assert Unfold(8, 5)(torch.randn(1, 8, 2, 3)).shape == (1, 5, 4, 6)
