"""The patch discriminator against the same layers written out, its count, its field of view, and images that are too
small."""

import pytest
import torch
from torch import nn

from debruit.errors import InputError
from debruit.networks.discriminator import PatchDiscriminator, least_side


def written_out(channels: int) -> nn.Sequential:
    """pix2pix' 70 x 70 discriminator with batch norm, as its paper's appendix lists it: C64-C128-C256-C512 and one
    logit."""
    return nn.Sequential(
        nn.Conv2d(channels, 64, 4, 2, 1),
        nn.LeakyReLU(0.2),
        nn.Conv2d(64, 128, 4, 2, 1, bias=False),
        nn.BatchNorm2d(128),
        nn.LeakyReLU(0.2),
        nn.Conv2d(128, 256, 4, 2, 1, bias=False),
        nn.BatchNorm2d(256),
        nn.LeakyReLU(0.2),
        nn.Conv2d(256, 512, 4, 1, 1, bias=False),
        nn.BatchNorm2d(512),
        nn.LeakyReLU(0.2),
        nn.Conv2d(512, 1, 4, 1, 1),
    )


def count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


@pytest.mark.parametrize(("channels", "expected"), [(3, 2_765_633), (6, 2_768_705)])
def test_it_has_as_many_parameters_as_the_reference(channels, expected):
    with torch.device("meta"):
        assert count(PatchDiscriminator(channels)) == count(written_out(channels)) == expected


def test_it_computes_what_the_layers_written_out_compute():
    torch.manual_seed(0)
    own, plain, x = PatchDiscriminator(2), written_out(2), torch.randn(3, 2, 40, 32)
    for mine, its in zip(own.parameters(), plain.parameters(), strict=True):
        its.data.copy_(mine.data)
    logits = own(x)
    torch.testing.assert_close(logits, plain(x), rtol=1e-4, atol=1e-4)
    assert logits.shape == (3, 1, 3, 2)
    torch.testing.assert_close(
        own.eval()(x), plain.eval()(x), rtol=1e-4, atol=1e-4
    )  # and their statistics are the same


def test_its_weights_start_as_normal_numbers_of_spread_one_fiftieth():
    torch.manual_seed(0)
    for layer in PatchDiscriminator(3).modules():
        if isinstance(layer, nn.Conv2d):
            assert float(layer.weight.detach().std()) == pytest.approx(0.02, rel=0.05)
            assert layer.bias is None or not layer.bias.any()
        if isinstance(layer, nn.BatchNorm2d):
            assert float(layer.weight.detach().mean()) == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize(("layers", "field"), [(1, 16), (2, 34), (3, 70)])
def test_a_logit_sees_a_patch_of_that_size(layers, field):
    side = 2 * field
    network = PatchDiscriminator(1, width=4, layers=layers).eval()
    x = torch.randn(1, 1, side, side, requires_grad=True)
    logits = network(x)
    assert logits.shape[-1] == side // 2**layers - 2
    middle = logits.shape[-1] // 2
    logits[0, 0, middle, middle].backward()
    seen = x.grad[0, 0].abs().sum(0).nonzero()
    assert int(seen.max() - seen.min()) + 1 == field


@pytest.mark.parametrize("layers", [1, 2, 3, 4])
def test_the_smallest_image_gives_one_logit_and_a_smaller_one_a_sentence(layers):
    side = least_side(layers)
    network = PatchDiscriminator(1, width=4, layers=layers)
    assert network(torch.randn(2, 1, side, side)).shape == (2, 1, 1, 1)
    assert network(torch.randn(2, 1, side + 2**layers - 1, side)).shape == (2, 1, 1, 1)
    with pytest.raises(
        InputError, match=rf"{layers} layers needs images of {side} pixels or more, and these are {side - 1} x 200: set"
    ):
        network(torch.randn(2, 1, side - 1, 200))


def test_with_group_norm_images_do_not_mix():
    torch.manual_seed(0)
    network, x = PatchDiscriminator(3, width=8, layers=2, norm="group"), torch.randn(4, 3, 16, 16)
    torch.testing.assert_close(network(x)[:1], network(x[:1]), rtol=1e-4, atol=1e-6)
    mixing = PatchDiscriminator(3, width=8, layers=2)
    assert not torch.allclose(mixing(x)[:1], mixing(x[:1]), atol=1e-3)
