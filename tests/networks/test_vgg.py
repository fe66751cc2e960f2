"""VGG16's maps against torchvision's layout written out, and the shapes that a file must have."""

from pathlib import Path

import pytest
import torch
from torch import nn

from debruit.errors import InputError
from debruit.networks.pretrained.vgg import VGG16Maps, check_layout, head_shapes, vgg16_shapes
from vgg_layout import random_heads, random_vgg16


def written_out(weights) -> nn.Sequential:
    """torchvision's `vgg16().features`, configuration D of the paper."""
    layers: list[nn.Module] = []
    inside = 3
    for entry in (64, 64, "M", 128, 128, "M", 256, 256, 256, "M", 512, 512, 512, "M", 512, 512, 512, "M"):
        if entry == "M":
            layers.append(nn.MaxPool2d(2, 2))
        else:
            layers += [nn.Conv2d(inside, entry, 3, padding=1), nn.ReLU()]
            inside = entry
    features = nn.Sequential(*layers)
    features.load_state_dict({name.removeprefix("features."): w for name, w in weights.items() if "features" in name})
    return features


def test_maps_follow_the_last_relu_before_each_pooling():
    weights = random_vgg16()
    features, x = written_out(weights), torch.randn(2, 3, 33, 16, generator=torch.Generator().manual_seed(0))
    expected = []
    with torch.inference_mode():
        h = x
        for index, layer in enumerate(features[:30]):
            h = layer(h)
            if index in (3, 8, 15, 22, 29):  # relu1_2, relu2_2, relu3_3, relu4_3, relu5_3
                expected.append(h)
        found = VGG16Maps(weights)(x)
    for mine, its in zip(found, expected, strict=True):
        torch.testing.assert_close(mine, its, rtol=1e-4, atol=1e-5)


def test_the_expected_shapes_are_those_of_the_layouts():
    features = {name: tuple(w.shape) for name, w in random_vgg16().items() if name.startswith("features")}
    assert vgg16_shapes() == features
    assert head_shapes() == {name: tuple(w.shape) for name, w in random_heads().items()}
    assert sum(torch.Size(shape).numel() for shape in vgg16_shapes().values()) == 14_714_688  # torchvision's count


def test_a_file_of_another_network_is_named_by_what_is_in_it():
    with pytest.raises(
        InputError,
        match=r"x.pth is no VGG16: it has no tensor features.0.weight of shape \(64, 3, 3, 3\), but conv1.weight, "
        r"fc.bias ...",
    ):
        check_layout(Path("x.pth"), {"conv1.weight": torch.ones(1), "fc.bias": torch.ones(1)}, vgg16_shapes(), "VGG16")
    batch_norm = random_vgg16()
    batch_norm["features.2.weight"] = torch.ones(64)  # VGG16 with batch norms has one here
    with pytest.raises(InputError, match=r"features.2.weight has the shape \(64,\) where \(64, 64, 3, 3\) is expected"):
        check_layout(Path("x.pth"), batch_norm, vgg16_shapes(), "VGG16")
