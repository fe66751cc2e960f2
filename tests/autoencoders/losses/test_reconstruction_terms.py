"""Reconstruction terms against formulas written out, torch's distributions and scikit-image; their gradients against
finite differences."""

import math
from dataclasses import replace

import pytest
import torch
from torch.autograd import gradcheck

from debruit.autoencoders.losses.reconstruction import L1, L2, Gaussian, Laplace, Reconstruction
from debruit.config import decode, encode
from debruit.errors import InputError
from debruit.seams import choose, implementations

TERMS = implementations(Reconstruction)


@pytest.fixture
def pair():
    g = torch.Generator().manual_seed(0)
    return tuple(torch.rand(3, 2, 4, 5, generator=g, dtype=torch.float64) * 2 - 1 for _ in range(2))


def test_there_are_four_and_each_is_found_by_its_name():
    assert set(TERMS) >= {"L1", "L2", "Laplace", "Gaussian"}
    for name, term in TERMS.items():
        assert choose(Reconstruction, name.lower(), "reconstruction") == term()
        assert decode(encode(term()), Reconstruction) == term()


@pytest.mark.parametrize("name", TERMS)
def test_a_value_for_each_image_that_does_not_depend_on_the_others(name, pair):
    images, decoded = pair
    term = TERMS[name]().build(2).double()
    found = term(images, decoded)
    assert found.shape == (3,)
    torch.testing.assert_close(torch.cat([term(images[n : n + 1], decoded[n : n + 1]) for n in range(3)]), found)


@pytest.mark.parametrize("name", TERMS)
def test_the_mean_over_an_image_does_not_depend_on_its_size(name, pair):
    images, decoded = pair
    term = TERMS[name]().build(2).double()
    torch.testing.assert_close(term(images.repeat(1, 1, 2, 3), decoded.repeat(1, 1, 2, 3)), term(images, decoded))


@pytest.mark.parametrize("name", TERMS)
def test_gradients_agree_with_finite_differences(name, pair):
    images, decoded = (x[:2, :, :2, :2] for x in pair)
    term = TERMS[name]().build(2).double()
    scale = list(term.parameters())
    assert gradcheck(lambda d, *_: term(images, d), (decoded.clone().requires_grad_(), *scale))


def test_the_errors_are_those_of_other_libraries(pair):
    from skimage.metrics import mean_squared_error

    images, decoded = pair
    squared = [mean_squared_error(a.numpy(), b.numpy()) for a, b in zip(images, decoded, strict=True)]
    torch.testing.assert_close(L2().build(2)(images, decoded), torch.tensor(squared, dtype=torch.float64))
    absolute = [torch.nn.functional.l1_loss(a, b) for a, b in zip(images, decoded, strict=True)]
    torch.testing.assert_close(L1().build(2)(images, decoded), torch.stack(absolute))


@pytest.mark.parametrize(
    ("term", "law"), [(Laplace, torch.distributions.Laplace), (Gaussian, torch.distributions.Normal)]
)
@pytest.mark.parametrize("log_scale", [0.0, -1.5])
def test_likelihoods_are_those_of_torchs_distributions(term, law, log_scale, pair):
    images, decoded = pair
    expected = -law(decoded, math.exp(log_scale)).log_prob(images).flatten(1).mean(1)
    found = term(log_scale=log_scale).build(2).double()(images, decoded)
    torch.testing.assert_close(found, expected)


def test_the_learned_scale_is_best_at_the_error_and_descent_finds_it(pair):
    images, decoded = pair
    for term, best in (
        (Laplace(), (images - decoded).abs().mean().log()),
        (Gaussian(), (images - decoded).square().mean().log() / 2),
    ):
        module = term.build(2).double()
        optimiser = torch.optim.Adam(module.parameters(), lr=0.05)
        for _ in range(300):
            optimiser.zero_grad()
            module(images, decoded).mean().backward()
            optimiser.step()
        assert float(module.log_scale.detach()) == pytest.approx(float(best), abs=1e-3)
        assert replace(term, log_scale=0.25).build(2).log_scale.item() == 0.25


def test_a_scale_of_one_is_l1_and_half_of_l2_but_for_a_constant(pair):
    images, decoded = pair
    laplace, gaussian = (t.build(2).double()(images, decoded) for t in (Laplace(), Gaussian()))
    torch.testing.assert_close(laplace - L1().build(2)(images, decoded), torch.full((3,), math.log(2)).double())
    constant = math.log(2 * math.pi) / 2
    torch.testing.assert_close(gaussian - L2().build(2)(images, decoded) / 2, torch.full((3,), constant).double())


@pytest.mark.parametrize("name", TERMS)
@pytest.mark.parametrize("weight", [-1.0, float("nan"), float("inf")])
def test_a_weight_that_is_none(name, weight):
    with pytest.raises(
        InputError, match=rf"reconstruction.weight={weight:g}: a weight is 0, which leaves the term out, or more"
    ):
        TERMS[name](weight=weight)
