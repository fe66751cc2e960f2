"""InceptionV3 in the layout of the FID literature: its size, its resizing, its pools, against plain torch layers."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from inception_layout import random_weights

from debruit.images.spec import DataSpec
from debruit.judges.features.inception import InceptionV3, inception, is_inception, prepare, resized_as_tensorflow


@pytest.fixture(scope="module")
def weights():
    return random_weights()


def layer(weights, name, x, stride=1, padding=0):
    """Convolution, batch norm and ReLU, one after the other."""
    x = F.conv2d(x, weights[f"{name}.conv.weight"], stride=stride, padding=padding)
    norm = [weights[f"{name}.bn.{part}"] for part in ("running_mean", "running_var", "weight", "bias")]
    return F.relu(F.batch_norm(x, *norm, eps=1e-3))


def test_as_many_parameters_as_published(weights):
    # Keras' InceptionV3 without top has 21,802,784, which counts each norm's offset, mean and variance, but has no
    # scale
    norms = sum(w.numel() for name, w in weights.items() if name.endswith(".bn.bias"))
    convolutions = sum(w.numel() for name, w in weights.items() if "conv" in name.rpartition(".")[0].rpartition(".")[2])
    assert convolutions + 3 * norms == 21_802_784
    own = sum(p.numel() for p in InceptionV3(weights).parameters())
    assert own == convolutions + norms


def test_stem_and_last_block_against_plain_layers(weights):
    network = InceptionV3(weights).eval()
    x = torch.randn(1, 3, 79, 79, generator=torch.Generator().manual_seed(1))
    h = layer(weights, "Conv2d_1a_3x3", x, stride=2)
    h = layer(weights, "Conv2d_2b_3x3", layer(weights, "Conv2d_2a_3x3", h), padding=1)
    h = layer(weights, "Conv2d_4a_3x3", layer(weights, "Conv2d_3b_1x1", F.max_pool2d(h, 3, 2)))
    h = F.max_pool2d(h, 3, 2)
    with torch.inference_mode():
        torch.testing.assert_close(network.body[:7](x), h, atol=1e-4, rtol=1e-4)
    x, at = torch.randn(1, 2048, 4, 5, generator=torch.Generator().manual_seed(2)), "Mixed_7c."
    one = layer(weights, f"{at}branch3x3_1", x)
    double = layer(weights, f"{at}branch3x3dbl_2", layer(weights, f"{at}branch3x3dbl_1", x), padding=1)
    expected = torch.cat(
        [
            layer(weights, f"{at}branch1x1", x),
            layer(weights, f"{at}branch3x3_2a", one, padding=(0, 1)),
            layer(weights, f"{at}branch3x3_2b", one, padding=(1, 0)),
            layer(weights, f"{at}branch3x3dbl_3a", double, padding=(0, 1)),
            layer(weights, f"{at}branch3x3dbl_3b", double, padding=(1, 0)),
            layer(weights, f"{at}branch_pool", F.max_pool2d(x, 3, 1, 1)),  # the maximum, as in TensorFlow's release
        ],
        dim=1,
    )
    with torch.inference_mode():
        torch.testing.assert_close(network.body[-1](x), expected, atol=1e-4, rtol=1e-4)


def test_average_pools_leave_their_padding_out(weights):
    """On a constant map the mean is that constant at the edges too, so that the pooled branch is constant."""
    network = InceptionV3(weights).eval()
    for block, channels, first in ((7, 192, 224), (11, 768, 576), (16, 1280, 1856)):
        with torch.inference_mode():
            pooled = network.body[block](torch.full((1, channels, 6, 6), 0.5))[:, first:]
        torch.testing.assert_close(pooled, pooled[:, :, 3:4, 3:4].expand_as(pooled), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(("side", "size"), [(4, 8), (28, 299), (7, 3), (320, 299)])
def test_resizing_as_tensorflow_1_did(side, size):
    x = torch.rand(1, 1, side, side, generator=torch.Generator().manual_seed(0))
    found = resized_as_tensorflow(x, size)[0, 0]
    for i, j in ((0, 0), (1, 2), (size // 2, size - 1), (size - 1, size - 1)):
        row, column = i * side / size, j * side / size
        top, left = int(row), int(column)
        bottom, right = min(top + 1, side - 1), min(left + 1, side - 1)
        a, b = row - top, column - left
        p = x[0, 0].double()
        expected = (1 - a) * ((1 - b) * p[top, left] + b * p[top, right]) + a * (
            (1 - b) * p[bottom, left] + b * p[bottom, right]
        )
        # places are computed in float32, as TensorFlow did
        assert float(found[i, j]) == pytest.approx(float(expected), abs=1e-4)


def test_features_of_grey_images(weights):
    spec = DataSpec(name="x", channels=1, height=8, width=8, depth="uint8", low=0, high=255, count=1)
    x = torch.full((1, 1, 8, 8), 255, dtype=torch.uint8)
    assert prepare(x, spec).unique().numpy() == pytest.approx(127 / 128)
    assert is_inception(weights)
    extractor = inception(weights, device="cpu", runtime="torch")
    found = extractor(x, spec)
    assert found.shape == (1, 2048)
    assert (extractor.label, extractor.dimensions) == ("InceptionV3", 2048)
    assert np.isfinite(found).all()
    assert found.std() > 0
