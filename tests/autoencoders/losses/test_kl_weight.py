"""b1: what the reference's weight is beside a mean, and that with b1 = 1 the loss is the bound of a VAE."""

import math

import pytest
import torch
from torch.distributions import Normal, kl_divergence

from debruit.autoencoders.losses.criterion import Criterion
from debruit.autoencoders.losses.kl import kl_per_value, per_value
from debruit.autoencoders.losses.reconstruction import L1, Laplace


def setting(height=6, width=5):
    g = torch.Generator().manual_seed(0)
    images, decoded = (torch.rand(4, 3, height, width, generator=g).double() * 2 - 1 for _ in range(2))
    mean, spread = torch.randn(4, 2, 3, 3, generator=g).double(), torch.rand(4, 2, 3, 3, generator=g).double() + 0.1
    kl = kl_divergence(Normal(mean, spread), Normal(0.0, 1.0)).flatten(1).sum(1)
    return images, decoded, kl


def test_with_a_likelihood_and_weight_one_it_is_the_negative_bound_per_value():
    images, decoded, kl = setting()
    module = Criterion(reconstruction=Laplace(log_scale=-1.0), kl_weight=1.0, perceptual=None).build(3).double()
    terms = module.image_terms(images, decoded) | module.latent_terms(kl, images, "kl")
    log_likelihood = torch.distributions.Laplace(decoded, math.exp(-1)).log_prob(images).flatten(1).sum(1)
    torch.testing.assert_close(module.total(terms) * images[0].numel(), kl - log_likelihood)


def test_the_references_weight_is_ours_at_any_size():
    """It sums over values and latents and divides by the batch: that is our sum times the values of an image."""
    for size in ((6, 5), (8, 16)):
        images, decoded, kl = setting(*size)
        reference = ((images - decoded).abs().sum() + 1e-6 * kl.sum()) / len(images)
        module = Criterion(reconstruction=L1(), kl_weight=1e-6, perceptual=None).build(3)
        ours = module.total(module.image_terms(images, decoded) | module.latent_terms(kl, images, "kl")).mean()
        torch.testing.assert_close(ours * images[0].numel(), reference)


def test_a_factor_of_sums_beside_a_mean():
    _, _, kl = setting()
    assert per_value(1e-6, channels=3, height=256, width=256) == pytest.approx(5.0863e-12, rel=1e-4)
    torch.testing.assert_close(
        kl_per_value(kl, torch.zeros(4, 3, 8, 8)), kl * per_value(1.0, channels=3, height=8, width=8)
    )


def test_a_codebook_loss_is_a_mean_already():
    module = Criterion(perceptual=None, codebook_weight=0.25).build(3)
    loss = torch.rand(4)
    terms = module.latent_terms(loss, torch.zeros(4, 3, 8, 8), "codebook")
    torch.testing.assert_close(module.total(terms), 0.25 * loss)
