"""The U-Net: any configuration, the same under checkpointing, dropout, heads, and what it refuses. The laws of every
network: test_every_network.py."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from built import FULL_UNET, KINDS, UNET, build, inputs
from hypothesis import given, settings
from hypothesis import strategies as st

from debruit.errors import InputError
from debruit.networks.cond import Cond
from debruit.networks.dropout import draw_from
from debruit.networks.unet import UNet

UNETS = {name: config for name, config in KINDS.items() if isinstance(config, UNet)}


def test_one_pixel_in_groups_of_one_channel():
    """A single value a group: no statistics, but no refusal either, whether alone or in a batch."""
    config = UNet(channels=8, multipliers=(1, 1), blocks=1, attention=(), groups=8, head_channels=8)
    network, (x, level, _) = build(config, 1, 1), inputs(config, channels=1, size=(2, 2))
    with torch.no_grad():
        torch.testing.assert_close(network(x[:1], level[:1]), network(x, level)[:1])


@pytest.mark.parametrize("config", UNETS.values(), ids=UNETS)
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
    config = replace(UNET, token_channels=6, transformer_depth=1, pooled_tokens=True)
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
    config = replace(UNET, dropout=0.5)
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
        replace(FULL_UNET, transformer_depth=0).build(3, 3)
    with pytest.raises(InputError, match=r"read by nothing: set network.attention, or network.token_channels=0"):
        replace(FULL_UNET, attention=(), middle_attention=False).build(3, 3)


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
