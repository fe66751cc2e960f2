"""The adversarial losses by hand, R1 where it is known exactly, the adaptive weight against two plain backward passes,
the ramp, wrong settings."""

import math

import pytest
import torch
from torch import nn

from debruit.autoencoders.losses.adversarial import (
    Adversarial,
    accuracy,
    adaptive_weight,
    combined_gradient,
    r1_penalty,
)
from debruit.config import decode, encode
from debruit.errors import InputError
from debruit.networks.discriminator import PatchDiscriminator
from debruit.overrides import override

REAL = torch.tensor([[2.0, 0.5], [-1.0, -3.0]]).view(2, 1, 1, 2)
FAKE = torch.tensor([[-2.0, 0.25], [1.0, 3.0]]).view(2, 1, 1, 2)


def test_hinge_by_hand():
    loss = Adversarial(loss="hinge")
    # real: max(0, 1 - D) = 0, 0.5 | 2, 4;  fake: max(0, 1 + D) = 0, 1.25 | 2, 4
    torch.testing.assert_close(loss.discriminator_loss(REAL, FAKE), torch.tensor([1.75 / 4, 12 / 4]))
    torch.testing.assert_close(loss.generator_loss(FAKE), torch.tensor([0.875, -2.0]))


def test_non_saturating_is_cross_entropy():
    loss = Adversarial(loss="non-saturating")
    softplus = lambda x: math.log1p(math.exp(x))  # noqa: E731
    assert float(loss.generator_loss(FAKE)[0]) == pytest.approx((softplus(2.0) + softplus(-0.25)) / 2)
    probability = torch.sigmoid(torch.stack([REAL, FAKE]).double())
    entropy = -(probability[0].log() + (1 - probability[1]).log()).flatten(1).mean(1) / 2
    torch.testing.assert_close(loss.discriminator_loss(REAL.double(), FAKE.double()), entropy)
    torch.testing.assert_close(loss.generator_loss(FAKE.double()), -probability[1].log().flatten(1).mean(1))


@pytest.mark.parametrize("loss", ["hinge", "non-saturating"])
def test_each_side_descends_towards_its_end(loss):
    """More real-looking logits are better for the generator, and for the discriminator on real images only."""
    config, logits = Adversarial(loss=loss), torch.zeros(2, 1, 1, 2, requires_grad=True)
    for value, sign in (
        (config.generator_loss(logits), -1),
        (config.discriminator_loss(logits, FAKE), -1),
        (config.discriminator_loss(REAL, logits), 1),
    ):
        (gradient,) = torch.autograd.grad(value.sum(), logits)
        assert (gradient.sign() == sign).all()


def test_accuracy_is_the_share_of_patches_classified_correctly():
    torch.testing.assert_close(accuracy(REAL, FAKE), torch.tensor([3 / 4, 0.0]))
    torch.testing.assert_close(accuracy(torch.ones(1, 1, 2, 2), -torch.ones(1, 1, 2, 2)), torch.ones(1))


class Linear(nn.Module):
    """D(x) = <w, x> at each of 3 patches, with weights of their own."""

    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.randn(3, 2 * 4 * 4, dtype=torch.float64))

    def forward(self, x):
        return (x.flatten(1) @ self.w.T).view(len(x), 1, 1, 3)


def test_r1_of_a_linear_discriminator_is_half_the_square_of_its_weight():
    torch.manual_seed(0)
    network, images = Linear(), torch.randn(5, 2, 4, 4, dtype=torch.float64, requires_grad=True)
    penalty = r1_penalty(network(images), images)
    mean = network.w.mean(0)
    torch.testing.assert_close(penalty, mean.square().sum().expand(5) / 2)
    (gradient,) = torch.autograd.grad(penalty.sum(), network.w)
    torch.testing.assert_close(gradient, 5 * mean.expand(3, -1) / 3)


def test_r1_of_the_patch_discriminator_is_that_of_each_image_alone():
    torch.manual_seed(0)
    network = PatchDiscriminator(2, width=4, layers=1, norm="group").double()
    images = torch.randn(3, 2, 8, 8, dtype=torch.float64, requires_grad=True)
    penalty = r1_penalty(network(images), images)
    for n in range(3):
        jacobian = torch.autograd.functional.jacobian(lambda x: network(x).mean(), images[n : n + 1])
        torch.testing.assert_close(penalty[n], jacobian.square().sum() / 2)


class Decoder(nn.Module):
    """Two convolutions; what the second gives is unfolded to pixels and cropped, as a real decoder's is."""

    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Conv2d(2, 5, 3, padding=1), nn.Conv2d(5, 12, 3, padding=1)

    def forward(self, z):
        return nn.functional.pixel_shuffle(self.last(torch.tanh(self.first(z))), 2)[:, :, :15, :14]


@pytest.fixture
def game():
    """A decoder, its output, the losses L_n and L_G of it, all in float64."""
    torch.manual_seed(0)
    decoder, discriminator = Decoder().double(), PatchDiscriminator(3, width=4, layers=1, norm="group").double()
    images = torch.randn(4, 3, 15, 14, dtype=torch.float64)
    decoded = decoder(torch.randn(4, 2, 8, 8, dtype=torch.float64))
    nll = (images - decoded).abs().mean()
    generator = Adversarial().generator_loss(discriminator(decoded)).mean()
    return decoder, decoded, nll, generator


@pytest.mark.parametrize("maximum", [1e4, 0.5])
def test_the_combined_gradient_is_that_of_the_two_losses_taken_naively(game, maximum):
    decoder, decoded, nll, generator = game
    last = decoder.last.weight
    g_n, g_g = (torch.autograd.grad(loss, last, retain_graph=True)[0] for loss in (nll, generator))
    expected = 0.7 * min(float(g_n.norm() / (g_g.norm() + 1e-4)), maximum)
    total = nll + expected * generator
    naive = torch.autograd.grad(total, list(decoder.parameters()), retain_graph=True)

    at_images = [torch.autograd.grad(loss, decoded, retain_graph=True)[0] for loss in (nll, generator)]
    gradient, factor = combined_gradient(decoded, *at_images, last=last, weight=0.7, maximum=maximum)
    assert float(factor) == pytest.approx(expected)
    assert not factor.requires_grad
    decoded.backward(gradient)
    for parameter, by_hand in zip(decoder.parameters(), naive, strict=True):
        torch.testing.assert_close(parameter.grad, by_hand)


@pytest.mark.parametrize("adaptive", [True, False])
def test_strength_and_weight_multiply_the_generators_part(game, adaptive):
    decoder, decoded, nll, generator = game
    g_n, g_g = (torch.autograd.grad(loss, decoded, retain_graph=True)[0] for loss in (nll, generator))
    combine = lambda weight, strength: Adversarial(weight=weight, adaptive=adaptive).combine(  # noqa: E731
        decoded, g_n, g_g, last=decoder.last.weight, strength=strength
    )
    gradient, factor = combine(0.5, 0.25)
    torch.testing.assert_close(gradient - g_n, factor * g_g)
    torch.testing.assert_close(combine(1.0, 0.25)[1], 2 * factor)
    torch.testing.assert_close(combine(0.5, 1.0)[1], 4 * factor)
    torch.testing.assert_close(combine(0.5, 0.0)[0], g_n)
    if not adaptive:
        assert float(factor) == pytest.approx(0.125)


def test_the_adaptive_weight_is_bounded_and_survives_a_generator_without_gradient():
    g = torch.ones(2, 3, 3, 3)
    assert float(adaptive_weight(3 * g, g)) == pytest.approx(3.0, rel=1e-4)
    assert float(adaptive_weight(0 * g, g)) == 0.0
    norm = float(g.norm())
    assert float(adaptive_weight(1e-2 * g, 0 * g)) == pytest.approx(1e-2 * norm / 1e-4)
    assert float(adaptive_weight(g, 0 * g)) == 1e4
    assert float(adaptive_weight(g, 0 * g, maximum=0.05)) == pytest.approx(0.05)
    assert math.isnan(
        float(adaptive_weight(g, math.nan * g))
    )  # what is broken is not hidden: the trainer drops the step


def test_the_ramp():
    config = Adversarial(ramp_images=200)
    assert [config.ramp(n) for n in (-5, 0, 50, 100, 200, 10_000)] == [0.0, 0.0, 0.25, 0.5, 1.0, 1.0]
    assert [Adversarial(ramp_images=0).ramp(n) for n in (-1, 0, 5)] == [0.0, 1.0, 1.0]


def test_the_discriminator_that_it_builds():
    network = Adversarial(channels=8, layers=2, norm="group").build(4)
    assert network(torch.randn(1, 4, 12, 12)).shape == (1, 1, 1, 1)
    assert network.body[0].out_channels == 8
    assert any(isinstance(m, nn.GroupNorm) for m in network.modules())
    assert not any(isinstance(m, nn.BatchNorm2d) for m in network.modules())


def test_the_configuration_survives_json_and_the_command_line():
    config = Adversarial(loss="non-saturating", begins_images=5_000)
    assert decode(encode(config), Adversarial) == config
    assert override(config, "begins_images=none").begins_images is None
    with pytest.raises(InputError, match="'wasserstein' is not valid"):
        override(config, "loss=wasserstein")


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"weight": -1}, "adversarial.weight=-1: a weight is 0, which leaves the term out, or more"),
        ({"r1": math.nan, "norm": "group"}, "adversarial.r1=nan: a weight is 0"),
        ({"layers": 0}, "adversarial.layers=0: give 1 or more"),
        ({"channels": 0}, "adversarial.channels=0: give 1 or more"),
        ({"ramp_images": -1}, "adversarial.ramp_images=-1: give 0 or more"),
        ({"begins_images": -1}, "adversarial.begins_images=-1: give 0 or more"),
        ({"adaptive_max": 0}, "adversarial.adaptive_max=0: give more than 0"),
        ({"lr": 0}, "adversarial.lr=0: give more than 0"),
        ({"betas": (0.5, 1.0)}, r"adversarial.betas=\(0.5, 1.0\): each must be at least 0 and below 1"),
        ({"r1": 10.0}, "adversarial.r1=10 needs the gradient of each image by itself.*set adversarial.norm=group"),
    ],
)
def test_settings_that_make_no_sense(changes, sentence):
    with pytest.raises(InputError, match=sentence):
        Adversarial(**changes)
