"""The diffusion transformer: zero at the start, images apart, any size, every door open, nearly the same in bf16, and
positions that differ."""

from dataclasses import replace

import pytest
import torch

from debruit.errors import InputError
from debruit.networks.cond import Cond
from debruit.networks.dit import DiT, positions

SMALL = DiT(width=16, depth=3, head_channels=8)
FULL = replace(SMALL, depth=4, token_channels=6, pooled_tokens=True, vector_channels=5, spatial_channels=2)
KINDS = {"plain": SMALL, "conditional": FULL, "single": replace(FULL, patch=1, long_skips=False)}
kinds = pytest.mark.parametrize("config", KINDS.values(), ids=KINDS)


def build(config: DiT, *, randomise: bool = True):
    """A network, by default with its zero-initialised layers drawn like the others."""
    torch.manual_seed(0)
    network = config.build(3, 3).eval()
    for parameter in network.parameters() if randomise else ():
        if not parameter.any():
            torch.nn.init.normal_(parameter, std=0.1)
    return network


def inputs(config: DiT, size: tuple[int, int] = (8, 8), batch: int = 3):
    """x, noise level and a Cond through every door that the configuration opens."""
    g = torch.Generator().manual_seed(1)
    draw = lambda *shape: torch.randn(*shape, generator=g)  # noqa: E731
    cond = Cond(
        vector=draw(batch, config.vector_channels) if config.vector_channels else None,
        tokens=draw(batch, 4, config.token_channels) if config.token_channels else None,
        spatial=draw(batch, config.spatial_channels, *size) if config.spatial_channels else None,
    )
    return draw(batch, 3, *size), 1000 * torch.rand(batch, generator=g), cond


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
def test_images_do_not_influence_each_other(config):
    network, (x, level, cond) = build(config), inputs(config)
    first = torch.tensor([1.0, 0, 0])
    with torch.no_grad():
        before = network(x, level, cond)
        shifted = cond.map(lambda door: door + first.reshape(-1, *[1] * (door.ndim - 1)))
        after = network(x + first[:, None, None, None], level + 300 * first, shifted)
        alone = network(x[1:2], level[1:2], cond.map(lambda door: door[1:2]))
    assert (after[0] - before[0]).abs().max() > 1e-3
    torch.testing.assert_close(after[1:], before[1:], rtol=0, atol=1e-6)
    torch.testing.assert_close(alone, before[1:2], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("size", [(1, 1), (1, 5), (7, 7), (12, 20)])
@kinds
def test_any_size(config, size):
    with torch.no_grad():
        out = build(config)(*inputs(config, size))
    assert out.shape == (3, 3, *size)
    assert out.isfinite().all()


@pytest.mark.parametrize("door", ["vector", "tokens", "spatial", "level"])
def test_every_door_has_an_effect(door):
    network, (x, level, cond) = build(FULL), inputs(FULL)
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
        assert (found.float() - exact).norm() / exact.norm() < 0.04


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
