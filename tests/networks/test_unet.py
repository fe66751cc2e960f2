"""The U-Net: zero at the start, images apart, any size, any channels, every door open, the same under checkpointing and
nearly in bf16."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from debruit.errors import InputError
from debruit.networks.cond import Cond
from debruit.networks.dropout import draw_from
from debruit.networks.unet import UNet

SMALL = UNet(channels=16, multipliers=(1, 2), blocks=1, attention=(2,), head_channels=8, groups=8)
FULL = replace(SMALL, transformer_depth=1, token_channels=6, vector_channels=5, spatial_channels=2)
KINDS = {
    "plain": SMALL,
    "conditional": FULL,
    "adm": replace(FULL, time_embedding="scale_shift", resample="block", heads=2),
    "patch": replace(FULL, patch=2),
    "fold": replace(FULL, resample="fold"),
}
kinds = pytest.mark.parametrize("config", KINDS.values(), ids=KINDS)


def build(config: UNet, channels: int = 3, out: int = 3, seed: int = 0, *, randomise: bool = True):
    """A network, by default with its zero-initialised layers drawn like the others."""
    torch.manual_seed(seed)
    network = config.build(channels, out).eval()
    if randomise:
        for parameter in network.parameters():
            if not parameter.any():
                torch.nn.init.normal_(parameter, std=0.1)
    return network


def inputs(config: UNet, batch: int = 3, channels: int = 3, size: tuple[int, int] = (8, 8), seed: int = 1):
    """x, noise level and a Cond through every door that the configuration opens."""
    g = torch.Generator().manual_seed(seed)
    draw = lambda *shape: torch.randn(*shape, generator=g)  # noqa: E731
    cond = Cond(
        vector=draw(batch, config.vector_channels) if config.vector_channels else None,
        tokens=draw(batch, 4, config.token_channels) if config.token_channels else None,
        spatial=draw(batch, config.spatial_channels, *size) if config.spatial_channels else None,
    )
    return draw(batch, channels, *size), 1000 * torch.rand(batch, generator=g), cond


@kinds
def test_zero_output_at_the_start(config):
    with torch.no_grad():
        assert not build(config, randomise=False)(*inputs(config)).any()


@kinds
def test_no_leak_across_images(config):
    """Perturbing image 0 and all its conditions moves image 0 alone."""
    network, (x, level, cond) = build(config), inputs(config)
    with torch.no_grad():
        before = network(x, level, cond)
        first = torch.tensor([1.0, 0, 0])
        shifted = cond.map(lambda door: door + first.reshape(-1, *[1] * (door.ndim - 1)))
        after = network(x + first[:, None, None, None], level + 300 * first, shifted)
    assert (after[0] - before[0]).abs().max() > 1e-3
    torch.testing.assert_close(after[1:], before[1:], rtol=0, atol=1e-6)


@kinds
def test_an_image_is_the_same_alone(config):
    network, (x, level, cond) = build(config), inputs(config)
    with torch.no_grad():
        together, alone = network(x, level, cond), network(x[1:2], level[1:2], cond.map(lambda door: door[1:2]))
    torch.testing.assert_close(alone, together[1:2], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("size", [(1, 1), (1, 5), (2, 3), (7, 7), (9, 4), (12, 20)])
@kinds
def test_any_size(config, size):
    with torch.no_grad():
        out = build(config)(*inputs(config, size=size))
    assert out.shape == (3, 3, *size)
    assert out.isfinite().all()
    assert (out.std((1, 2, 3)) > 1e-3).all()


@pytest.mark.parametrize(("channels", "out"), [(1, 1), (1, 2), (2, 4), (5, 5), (13, 13)])
def test_any_number_of_channels(channels, out):
    x, level, cond = inputs(SMALL, channels=channels)
    assert build(SMALL, channels, out)(x, level, cond).shape == (3, out, 8, 8)


def test_one_pixel_in_groups_of_one_channel():
    """A single value a group: no statistics, but no refusal either, whether alone or in a batch."""
    config = UNet(channels=8, multipliers=(1, 1), blocks=1, attention=(), groups=8, head_channels=8)
    network, (x, level, _) = build(config, 1, 1), inputs(config, channels=1, size=(2, 2))
    with torch.no_grad():
        torch.testing.assert_close(network(x[:1], level[:1]), network(x, level)[:1])


@pytest.mark.parametrize("door", ["vector", "tokens", "spatial", "level"])
@pytest.mark.parametrize("kind", ["conditional", "adm", "patch"])
def test_every_door_has_an_effect(kind, door):
    network, (x, level, cond) = build(KINDS[kind]), inputs(KINDS[kind])
    changed = level / 2 if door == "level" else replace(cond, **{door: getattr(cond, door).roll(1, 0)})
    with torch.no_grad():
        before = network(x, level, cond)
        after = network(x, changed, cond) if door == "level" else network(x, level, changed)
    assert (after - before).abs().amax((1, 2, 3)).min() > 1e-4


@kinds
def test_bfloat16_is_close(config):
    network, (x, level, cond) = build(config), inputs(config)
    with torch.no_grad():
        exact = network(x, level, cond)
        with torch.autocast("cpu", torch.bfloat16):
            mixed = network(x, level, cond)
        pure = network.bfloat16()(x.bfloat16(), level, cond)
    for found in (mixed, pure):
        assert (found.float() - exact).norm() / exact.norm() < 0.03
    assert pure.dtype == torch.bfloat16


@kinds
def test_checkpointing_changes_no_gradient(config):
    config = replace(config, dropout=0.2)
    for seed in (None, 5):  # what dropout samples from: torch's global stream, or keys of examples
        found = []
        for checkpointing in (False, True):
            network = build(replace(config, checkpointing=checkpointing)).train()
            torch.manual_seed(5)
            if seed is not None:
                draw_from(network, np.arange(seed, seed + len(inputs(config)[0]), dtype=np.uint64))
            network(*inputs(config)).square().sum().backward()
            found.append([p.grad for p in network.parameters()])
        assert all(torch.equal(a, b) for a, b in zip(*found, strict=True))


def test_pooled_tokens_leave_padding_out():
    config = replace(SMALL, token_channels=6, transformer_depth=1, pooled_tokens=True)
    network, seen = build(config), []
    network.pooled.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    x, level, _ = inputs(config)
    tokens = torch.randn(3, 4, 6)
    padded = torch.cat([tokens, torch.zeros(3, 5, 6)], dim=1)
    for told in (tokens, padded):
        network(x, level, Cond(tokens=told))
    torch.testing.assert_close(seen[0], tokens.mean(dim=1))
    torch.testing.assert_close(seen[1], seen[0])


def test_dropout_only_while_training():
    config = replace(SMALL, dropout=0.5)
    network, given_in = build(config), inputs(config)
    with torch.no_grad():
        assert torch.equal(network(*given_in), network(*given_in))
        network.train()
        assert not torch.equal(network(*given_in), network(*given_in))


def test_heads_that_do_not_divide_are_refused_where_they_attend():
    with pytest.raises(
        InputError, match="heads of 32 channels do not divide a width of 48: set network.head_channels or network.heads"
    ):
        UNet(channels=48, multipliers=(1, 2), attention=(1,)).build(3, 3)
    with pytest.raises(InputError, match="3 heads do not divide a width of 64"):
        UNet(channels=32, multipliers=(1, 2), attention=(2,), heads=3).build(3, 3)
    UNet(channels=48, multipliers=(1, 2), attention=(2,)).build(3, 3)  # 96 is a multiple, and 48 does not attend


def test_tokens_that_nothing_would_read_are_refused():
    with pytest.raises(
        InputError, match=r"tokens of 6 channels would be read by nothing: set network.transformer_depth=1"
    ):
        replace(FULL, transformer_depth=0).build(3, 3)
    with pytest.raises(InputError, match=r"read by nothing: set network.attention, or network.token_channels=0"):
        replace(FULL, attention=(), middle_attention=False).build(3, 3)


@st.composite
def configurations(draw):
    multipliers = tuple(draw(st.lists(st.integers(1, 2), min_size=1, max_size=3)))
    factors = [2**n for n in range(len(multipliers))]
    depth, attention, middle = (
        draw(st.integers(0, 1)),
        tuple(draw(st.sets(st.sampled_from(factors)))),
        draw(st.booleans()),
    )
    reads = depth and (attention or middle)
    return UNet(
        channels=draw(st.sampled_from([4, 6, 8])),
        multipliers=multipliers,
        blocks=draw(st.integers(1, 2)),
        attention=attention,
        middle_attention=middle,
        heads=draw(st.sampled_from([1, 2])),
        transformer_depth=depth,
        token_channels=draw(st.sampled_from([0, 5])) if reads else 0,
        vector_channels=draw(st.sampled_from([0, 3])),
        spatial_channels=draw(st.sampled_from([0, 1])),
        patch=draw(st.integers(1, 2)),
        time_embedding=draw(st.sampled_from(["add", "scale_shift"])),
        resample=draw(st.sampled_from(["conv", "block", "fold"])),
        groups=draw(st.sampled_from([1, 4, 32])),
    )


@settings(max_examples=25, deadline=None, derandomize=True)
@given(configurations(), st.integers(1, 9), st.integers(1, 9), st.integers(1, 2))
def test_any_configuration(config, height, width, batch):
    """Shape, zero start, and a gradient for every parameter: nothing is built in vain."""
    x, level, cond = inputs(config, batch, 2, (height, width))
    assert not build(config, 2, 3, randomise=False)(x, level, cond).any()
    network = build(config, 2, 3)
    out = network(x, level, cond)
    assert out.shape == (batch, 3, height, width)
    out.square().sum().backward()
    missing = [name for name, p in network.named_parameters() if p.grad is None]
    assert not missing, missing
    assert all(p.grad.isfinite().all() for p in network.parameters() if p.grad is not None)
