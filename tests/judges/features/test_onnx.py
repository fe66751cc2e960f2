"""Networks from .onnx files: made here from a few operators, so that what they compute is known."""

import json

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

import judging
from debruit.errors import InputError
from debruit.images.spec import DataSpec
from debruit.judges.extractor import Extractor
from debruit.judges.features.onnx import onnx_network

SPEC = DataSpec(name="x", channels=3, height=6, width=6, depth="uint8", low=0, high=255, count=5)
MEAN, DEVIATION = np.array([123.675, 116.28, 103.53]), np.array([58.395, 57.12, 57.375])


def write(path, nodes, *, shape, weights=(), kind=TensorProto.FLOAT, inputs=("images",)):
    """A model from nodes whose last output is "features"."""
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info(name, kind, shape) for name in inputs],
        [helper.make_tensor_value_info("features", kind, None)],
        [numpy_helper.from_array(w, n) for n, w in weights],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


def means(path, shape, axes):
    """The mean of each channel: features that anyone can compute."""
    return write(path, [helper.make_node("ReduceMean", ["images"], ["features"], axes=axes, keepdims=0)], shape=shape)


@pytest.fixture
def images() -> torch.Tensor:
    return torch.randint(0, 256, (5, 3, 6, 6), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)


def test_channels_first_with_open_dimensions(tmp_path, images):
    with judging.lines() as heard:
        found = onnx_network(means(tmp_path / "mean.onnx", ["n", 3, 6, 6], [2, 3]))
    assert isinstance(found, Extractor)
    expected = (images.double().mean(dim=(2, 3)).numpy() - MEAN) / DEVIATION
    np.testing.assert_allclose(found(images, SPEC), expected, atol=1e-5)
    assert (found.label, found.dimensions) == ("mean", 3)
    assert "6 x 6 pixels, mean 123.675" in heard[0]
    assert "set by mean.json" in heard[0]


def test_channels_last_and_a_fixed_batch(tmp_path, images):
    found = onnx_network(means(tmp_path / "mean.onnx", [4, 6, 6, 3], [1, 2]))
    expected = (images.double().mean(dim=(2, 3)).numpy() - MEAN) / DEVIATION
    np.testing.assert_allclose(found(images, SPEC), expected, atol=1e-5)  # 5 images: a full batch and a padded one
    assert found.batch == 4


def test_maps_are_averaged_and_of_tokens_the_first_is_taken(tmp_path, images):
    node = helper.make_node("Identity", ["images"], ["features"])
    found = onnx_network(write(tmp_path / "maps.onnx", [node], shape=["n", 3, 6, 6]))
    np.testing.assert_allclose(
        found(images, SPEC), (images.double().mean(dim=(2, 3)).numpy() - MEAN) / DEVIATION, atol=1e-5
    )
    reshape = helper.make_node("Reshape", ["images", "shape"], ["features"])
    path = write(tmp_path / "tokens.onnx", [reshape], shape=["n", 3, 6, 6], weights=[("shape", np.array([0, 18, 6]))])
    found = onnx_network(path)
    expected = (images[:, 0, 0].double().numpy() - MEAN[0]) / DEVIATION[0]
    np.testing.assert_allclose(found(images, SPEC), expected, atol=1e-5)


def test_a_file_beside_it_says_how_images_are_prepared(tmp_path, images):
    path = means(tmp_path / "net.onnx", ["n", 1, "h", "w"], [2, 3])
    plain = onnx_network(path)
    (tmp_path / "net.json").write_text(json.dumps({"size": 6, "mean": [0], "deviation": [255], "label": "MyNet"}))
    found = onnx_network(path)
    assert found.label == "MyNet"
    assert found.fingerprint != plain.fingerprint
    np.testing.assert_allclose(found(images, SPEC)[:, 0], images.double().mean(dim=(1, 2, 3)).numpy() / 255, atol=1e-5)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('{"sizes": 3}', r"net.json: sizes: Extra inputs.*it may hold size, mean, deviation \(on 0..255\) and label"),
        ('{"mean": "grey"}', "net.json: mean"),
        ("{", "net.json: the file: Invalid JSON"),
    ],
)
def test_a_file_beside_it_that_is_wrong(tmp_path, text, sentence):
    path = means(tmp_path / "net.onnx", ["n", 3, 6, 6], [2, 3])
    (tmp_path / "net.json").write_text(text)
    with pytest.raises(InputError, match=sentence):
        onnx_network(path)


def test_networks_that_do_not_take_images(tmp_path):
    node = helper.make_node("Identity", ["images"], ["features"])
    with pytest.raises(InputError, match=r"takes the inputs images tensor\(float\) \['n', 7\]"):
        onnx_network(write(tmp_path / "a.onnx", [node], shape=["n", 7]))
    with pytest.raises(InputError, match="1 or 3 channels are supported"):
        onnx_network(write(tmp_path / "b.onnx", [node], shape=["n", 4, 6, 6]))
    with pytest.raises(InputError, match=r"tensor\(double\)"):
        onnx_network(write(tmp_path / "c.onnx", [node], shape=["n", 3, 6, 6], kind=TensorProto.DOUBLE))
    flat = helper.make_node("ReduceMean", ["images"], ["features"], axes=[1, 2, 3], keepdims=0)
    with pytest.raises(
        InputError, match=r"does not run on an image of 6 x 6 pixels \(its output has the shape \(1,\)\)"
    ):
        onnx_network(write(tmp_path / "d.onnx", [flat], shape=["n", 3, 6, 6]))


def test_a_file_that_is_no_network(tmp_path):
    (tmp_path / "x.onnx").write_bytes(b"no network")
    with pytest.raises(InputError, match="is no network that onnxruntime reads"):
        onnx_network(tmp_path / "x.onnx")
