"""The whole loss: gradients flow through each term, in proportion to its weight and to nothing else; what has no weight
is not built."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from debruit.autoencoders.losses import perceptual
from debruit.autoencoders.losses.adversarial import Adversarial
from debruit.autoencoders.losses.criterion import Criterion
from debruit.autoencoders.losses.perceptual import Perceptual
from debruit.autoencoders.losses.reconstruction import L1, L2, Laplace
from debruit.config import decode, encode
from debruit.errors import InputError
from debruit.overrides import override

FULL = Criterion(
    reconstruction=L2(weight=0.7),
    kl_weight=0.3,
    perceptual=Perceptual(weight=0.4),
    adversarial=Adversarial(weight=0.6, adaptive=False, layers=1, channels=4, norm="group"),
)


class Tiny(nn.Module):
    """A variational autoencoder of one convolution each way."""

    def __init__(self):
        super().__init__()
        self.encode, self.decode = nn.Conv2d(3, 4, 2, stride=2), nn.ConvTranspose2d(2, 3, 2, stride=2)
        self.last = nn.Conv2d(3, 3, 3, padding=1)

    def forward(self, x, eps):
        mean, log_variance = self.encode(x).chunk(2, 1)
        kl = (mean.square() + log_variance.exp() - 1 - log_variance).flatten(1).sum(1) / 2
        return self.last(torch.tanh(self.decode(mean + (log_variance / 2).exp() * eps))), kl


@pytest.fixture(scope="module")
def setting():
    torch.manual_seed(0)
    model, images = Tiny().double(), torch.rand(2, 3, 16, 16, dtype=torch.float64) * 2 - 1
    discriminator = FULL.discriminator(3).double()
    return model, discriminator, images, torch.randn(2, 2, 8, 8, dtype=torch.float64)


def gradient(config: Criterion, setting) -> torch.Tensor:
    """Of the mean loss with respect to all of the autoencoder's parameters, taken in the trainer's order (one pass
    through each network)."""
    model, discriminator, images, eps = setting
    module = config.build(3).double()
    decoded, kl = model(images, eps)
    leaf = decoded.detach().requires_grad_()
    module.total(module.image_terms(images, leaf)).mean().backward()
    combined = leaf.grad
    if config.adversarial:
        generator = config.adversarial.generator_loss(discriminator(leaf)).mean()
        (against,) = torch.autograd.grad(generator, leaf)
        combined, _ = config.adversarial.combine(decoded, leaf.grad, against, last=model.last.weight, strength=1.0)
    penalty = module.total(module.latent_terms(kl, images, "kl")).mean()
    model.zero_grad()
    torch.autograd.backward([decoded, penalty], [combined, torch.ones_like(penalty)])
    return torch.cat([p.grad.flatten() for p in model.parameters()])


def term_gradients(setting) -> dict[str, torch.Tensor]:
    """The gradient of each term alone, by plain autograd on its formula."""
    model, discriminator, images, eps = setting
    decoded, kl = model(images, eps)
    terms = {
        "reconstruction": ((images - decoded) ** 2).mean(),
        "perceptual": Perceptual().build(3).double()(images, decoded).mean(),
        "kl": kl.mean() / (3 * 16 * 16),
        "adversarial": -discriminator(decoded).mean(),
    }

    def grad(value):
        return torch.autograd.grad(value, list(model.parameters()), retain_graph=True, allow_unused=True)

    return {
        name: torch.cat(
            [
                (torch.zeros_like(p) if g is None else g).flatten()
                for p, g in zip(model.parameters(), grad(value), strict=True)
            ]
        )
        for name, value in terms.items()
    }


CHANGES = {
    "reconstruction": lambda d: replace(FULL, reconstruction=L2(weight=0.7 + d)),
    "kl": lambda d: replace(FULL, kl_weight=0.3 + d),
    "perceptual": lambda d: replace(FULL, perceptual=Perceptual(weight=0.4 + d)),
    "adversarial": lambda d: replace(FULL, adversarial=replace(FULL.adversarial, weight=0.6 + d)),
}


@pytest.mark.parametrize("name", CHANGES)
def test_perturbing_a_weight_changes_the_gradient_by_that_of_its_term(setting, name):
    alone = term_gradients(setting)[name]
    assert float(alone.norm()) > 1e-4
    change = gradient(CHANGES[name](0.25), setting) - gradient(FULL, setting)
    torch.testing.assert_close(change, 0.25 * alone, rtol=1e-6, atol=1e-10)


def test_the_whole_gradient_is_the_weighted_sum(setting):
    weights = {"reconstruction": 0.7, "kl": 0.3, "perceptual": 0.4, "adversarial": 0.6}
    alone = term_gradients(setting)
    expected = sum(weights[name] * g for name, g in alone.items())
    torch.testing.assert_close(gradient(FULL, setting), expected, rtol=1e-6, atol=1e-10)
    without = gradient(replace(FULL, kl_weight=0.0), setting)
    torch.testing.assert_close(without, expected - 0.3 * alone["kl"], rtol=1e-6, atol=1e-10)


@pytest.mark.parametrize("absent", [None, 0.0])
def test_a_term_without_weight_is_not_built(monkeypatch, absent):
    monkeypatch.setattr(perceptual, "packaged_weights", lambda **_: pytest.fail("the network was built"))
    config = Criterion(
        perceptual=None if absent is None else Perceptual(weight=absent),
        adversarial=None if absent is None else Adversarial(weight=absent),
    )
    module = config.build(3)
    images, decoded = torch.rand(2, 3, 4, 4), torch.rand(2, 3, 4, 4)  # too small for the network
    assert set(module.image_terms(images, decoded)) == {"reconstruction"}
    assert config.discriminator(3) is None


def test_without_reconstruction_only_the_perceptual_term_is_left():
    module = Criterion(reconstruction=L1(weight=0)).build(3)
    images, decoded = torch.rand(2, 3, 16, 16), torch.rand(2, 3, 16, 16)
    terms = module.image_terms(images, decoded)
    assert set(terms) == {"perceptual"}
    torch.testing.assert_close(module.total(terms), terms["perceptual"])


def test_a_bottleneck_without_weight_costs_nothing():
    module = Criterion(perceptual=None, kl_weight=0).build(3)
    images, decoded, penalty = torch.rand(2, 3, 4, 4), torch.rand(2, 3, 4, 4), torch.rand(2)
    terms = module.image_terms(images, decoded)
    latent = module.latent_terms(penalty, images, "kl")
    torch.testing.assert_close(module.total(terms | latent), terms["reconstruction"])
    torch.testing.assert_close(module.total(latent), torch.zeros(2))


def test_only_learned_scales_are_trained_and_saved():
    assert Criterion().build(3).state_dict() == {}
    module = Criterion(reconstruction=Laplace(log_scale=-2.0)).build(3)
    assert [name for name, _ in module.named_parameters()] == ["reconstruction.log_scale"]
    assert list(module.state_dict()) == ["reconstruction.log_scale"]
    images, decoded = torch.rand(2, 3, 16, 16), torch.rand(2, 3, 16, 16)
    module.total(module.image_terms(images, decoded)).mean().backward()
    assert module.reconstruction.log_scale.grad.abs() > 0


def test_terms_are_per_image():
    module = Criterion().build(3)
    images, decoded = torch.rand(3, 3, 16, 16), torch.rand(3, 3, 16, 16)
    together = module.total(module.image_terms(images, decoded))
    assert together.shape == (3,)
    alone = [module.total(module.image_terms(images[n : n + 1], decoded[n : n + 1])) for n in range(3)]
    torch.testing.assert_close(torch.cat(alone), together, rtol=1e-4, atol=1e-6)


def test_the_configuration_survives_json_and_the_command_line():
    assert decode(encode(FULL), Criterion) == FULL
    assert decode(encode(Criterion(perceptual=None, adversarial=None)), Criterion).perceptual is None
    assert override(FULL, "reconstruction=laplace").reconstruction == Laplace()
    assert override(FULL, "perceptual.weight=0.1").perceptual == Perceptual(weight=0.1)
    assert override(FULL, "adversarial=none").adversarial is None


def test_settings_that_make_no_sense():
    with pytest.raises(InputError, match="reconstruction.weight=0 without a perceptual term: nothing would tell"):
        Criterion(reconstruction=L1(weight=0), perceptual=None)
    with pytest.raises(InputError, match="kl_weight=-1: a weight is 0, which leaves the term out, or more"):
        Criterion(kl_weight=-1)
    with pytest.raises(InputError, match="codebook_weight=nan"):
        Criterion(codebook_weight=float("nan"))
