"""Small images that training degrades: the level, what it does, and windows of images."""

import pytest
import torch

from debruit.conditioning.low_res import LowRes
from debruit.rng import Purpose, stream
from on import ONE, On, spec

SPEC = spec(height=64, width=64)
LEVELLED = On(LowRes(noise=0.2, level=0.25), SPEC)
ITEMS = {"image": torch.randint(0, 256, (400, 3, 64, 64), generator=torch.Generator().manual_seed(0)).to(torch.uint8)}


def degraded(values, first=0, **fields):
    return LowRes(**({"noise": 0.2} | fields)).degraded(values, stream(Purpose.DEGRADE, 0, 0), first)


def test_without_noise_it_is_the_small_image_alone():
    plain = On(LowRes(), SPEC)
    values = plain.read(ITEMS)
    assert values.shape == (400, 3, 16, 16)
    assert LowRes().degraded(values, stream(Purpose.DEGRADE, 0, 0), 0) is values
    assert torch.equal(LEVELLED.read(ITEMS)[:, :3], values)


def test_the_level_of_sampling_is_one_more_plane_everywhere():
    for values in (LEVELLED.read(ITEMS), LEVELLED.parse(torch.zeros(3, 16, 16), range(2))):
        assert (values[:, 3] == 0.25).all()
    assert LEVELLED.channels == 4
    assert LEVELLED.placeholder(2).shape == (2, 4, 16, 16)
    assert LEVELLED.conditioner.to_image(LEVELLED.read(ITEMS)[0], SPEC).shape == (16, 16, 3)
    grey = On(LowRes(noise=0.1), spec(channels=1))
    assert grey.conditioner.to_image(grey.read({"image": ITEMS["image"][:1, :1, :16, :16]})[0], grey.spec).shape[2] == 3


def test_in_training_levels_are_uniform_and_the_small_image_differs_the_more_the_higher():
    flat = torch.zeros(400, 4, 16, 16)
    found = degraded(flat)
    levels, off = found[:, 3, 0, 0], found[:, :3].flatten(1).std(1)
    assert (found[:, 3] == levels[:, None, None]).all()
    assert abs(levels.mean() - 0.5) < 4 / (12 * 400) ** 0.5
    assert levels.min() < 0.02
    assert levels.max() > 0.98
    assert torch.corrcoef(torch.stack([levels, off]))[0, 1] > 0.8
    assert off[levels < 0.1].max() < 0.02
    assert 0.02 < off[levels > 0.9].mean() < 0.1, "a quarter of the noise, where nothing but flat is"


def test_most_of_the_noise_is_at_edges():
    edge = torch.zeros(400, 4, 16, 16)
    edge[:, :3, :, 8:] = 2
    edge[:, :3] -= 1
    found = degraded(edge)
    top = found[found[:, 3, 0, 0] > 0.8]
    along = top[:, :3].std(2).mean((0, 1))  # over the rows, which are equal without noise
    assert along[7:9].mean() > 2.5 * along[:4].mean()
    assert 0.1 < along[7:9].mean() < 0.4, "of the order of the noise"


def test_it_blurs_and_keeps_what_is_flat():
    edge = torch.zeros(400, 4, 16, 16)
    edge[:, :3, :, 8:] = 1
    found = degraded(edge, noise=1e-9)
    levels = found[:, 3, 0, 0]
    steepest = (found[:, 0, 4, 1:] - found[:, 0, 4, :-1]).amax(1)
    assert steepest[levels < 0.1].min() > 0.99, "a level near 0 leaves the edge"
    assert steepest[levels > 0.9].max() < 0.5
    assert torch.allclose(found[:, :3, :, :4], torch.zeros(()), atol=1e-6)
    assert torch.allclose(found[:, :3, :, 12:], torch.ones(()), atol=1e-6)


def test_the_degradation_of_an_example_depends_on_its_position_alone():
    values = torch.rand(6, 4, 10, 12)
    whole = degraded(values, first=8)
    parts = [degraded(values[k : k + 3], first=8 + k) for k in (0, 3)]
    assert torch.allclose(whole, torch.cat(parts), atol=1e-6)
    assert not torch.allclose(whole, degraded(values, first=9))


@pytest.mark.parametrize("factor", [1, 2])
def test_the_condition_of_a_window_is_that_part_of_the_images(factor):
    """Away from the window's border, where the image itself goes on."""
    whole = On(LowRes(), SPEC, factor)
    values = whole.read({"image": ITEMS["image"][:1]})
    module = whole.build()
    encoded, part = module(values, ONE), module(values[..., 4:12, 4:12], ONE)
    assert part.shape[2:] == (32 // factor, 32 // factor)
    inner = 4 // factor
    expected = encoded[..., 16 // factor : 48 // factor, 16 // factor : 48 // factor]
    assert torch.allclose(part[..., inner:-inner, inner:-inner], expected[..., inner:-inner, inner:-inner], atol=1e-6)
