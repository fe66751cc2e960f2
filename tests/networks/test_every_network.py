"""The laws of every network: zero at the start, a gradient for every parameter, images apart, any size, any channels,
every door open, and nearly the same in bfloat16."""

from dataclasses import replace

import pytest
import torch
from built import CONDITIONAL, DIT, KINDS, UNET, build, inputs

from debruit.networks.dit import DiT
from debruit.networks.network import Network
from debruit.networks.unet import UNet
from debruit.seams import implementations

kinds = pytest.mark.parametrize("config", KINDS.values(), ids=KINDS)
CLOSE = {UNet: 0.03, DiT: 0.04}  # bfloat16 to float32, relative


def test_every_network_is_here():
    assert {type(config) for config in KINDS.values()} == set(implementations(Network).values())


@kinds
def test_zero_output_at_the_start(config):
    with torch.no_grad():
        assert not build(config, randomise=False)(*inputs(config)).any()


@kinds
def test_every_parameter_gets_a_gradient(config):
    network = build(config)
    network(*inputs(config)).square().sum().backward()
    assert [name for name, p in network.named_parameters() if p.grad is None or not p.grad.any()] == []


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
@pytest.mark.parametrize("config", [UNET, DIT], ids=["UNet", "DiT"])
def test_any_number_of_channels(config, channels, out):
    x, level, cond = inputs(config, channels=channels)
    assert build(config, channels, out)(x, level, cond).shape == (3, out, 8, 8)


@pytest.mark.parametrize("door", ["vector", "tokens", "spatial", "level"])
@pytest.mark.parametrize("config", CONDITIONAL.values(), ids=CONDITIONAL)
def test_every_door_has_an_effect(config, door):
    network, (x, level, cond) = build(config), inputs(config)
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
        assert (found.float() - exact).norm() / exact.norm() < CLOSE[type(config)]
    assert pure.dtype == torch.bfloat16
