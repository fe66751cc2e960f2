"""The Gaussian bottleneck, against torch.distributions."""

import pytest
import torch
from torch.distributions import Normal, kl_divergence

from debruit.autoencoders.codec import Moments
from debruit.autoencoders.kl import KL, divergence


def test_divergence_is_that_of_the_distributions():
    moments = Moments(torch.randn(3, 4, 2, 5).double(), torch.rand(3, 4, 2, 5).double() * 3 + 1e-3)
    assert moments.std is not None
    standard = Normal(torch.zeros(()).double(), torch.ones(()).double())
    expected = kl_divergence(Normal(moments.mean, moments.std), standard).sum((1, 2, 3))
    torch.testing.assert_close(divergence(moments), expected)


def test_divergence_is_the_expected_log_ratio():
    """Monte Carlo: E_q[log q(z) - log p(z)]."""
    moments = Moments(torch.tensor([0.5, -1.0]).view(1, 2, 1, 1), torch.tensor([0.3, 1.5]).view(1, 2, 1, 1))
    generator = torch.Generator().manual_seed(0)
    z = moments.sample(torch.randn(200_000, 2, 1, 1, generator=generator))
    ratio = (Normal(moments.mean, moments.std).log_prob(z) - Normal(0.0, 1.0).log_prob(z)).sum((1, 2, 3))
    error = 4 * float(ratio.std()) / len(ratio) ** 0.5
    assert float(ratio.mean()) == pytest.approx(float(divergence(moments)), abs=error)


@pytest.mark.parametrize(("given", "clamped"), [(-100.0, -30.0), (50.0, 20.0), (0.0, 0.0), (-3.0, -3.0)])
def test_log_variance_is_clamped(given, clamped):
    module = KL(channels=2).build()
    with torch.no_grad():
        module.quant.weight.zero_()
        module.quant.bias[:2], module.quant.bias[2:] = 1.5, given
    moments = module.moments(torch.zeros(1, 4, 3, 3))
    torch.testing.assert_close(moments.mean, torch.full((1, 2, 3, 3), 1.5))
    torch.testing.assert_close(moments.std, torch.full((1, 2, 3, 3), clamped / 2).exp())
    assert divergence(moments).isfinite().all()


def test_noise_moves_latents_and_the_penalty_reaches_the_encoder():
    module = KL(channels=2).build()
    encoded, eps = torch.randn(3, 4, 2, 2, requires_grad=True), torch.randn(3, 2, 2, 2)
    moments = module.moments(encoded)
    passed = module(moments, eps)
    torch.testing.assert_close(passed.decodable, module.post(moments.mean + moments.std * eps))
    torch.testing.assert_close(module(moments, None).decodable, module.post(moments.mean))
    assert passed.codes is None
    (gradient,) = torch.autograd.grad(passed.penalty[1], encoded)
    assert (gradient.flatten(1).abs().sum(1) > 0).tolist() == [False, True, False]


def test_latents_stay_in_float32_under_autocast():
    module = KL(channels=2).build()
    with torch.autocast("cpu", torch.bfloat16):
        moments = module.moments(torch.randn(1, 4, 2, 2))
    assert moments.mean.dtype == moments.std.dtype == torch.float32
