"""Weights from files: known layouts are found, code is never run, and what does not fit is said."""

import os

import pytest
import torch
from inception_layout import random_weights
from safetensors.torch import save_file
from test_dinov2 import random_weights as dinov2_weights

from debruit.errors import InputError
from debruit.judges.features import weights_file
from debruit.judges.features.weights_file import read_weights, weights_network


class Malicious:
    def __reduce__(self):
        return os.system, ("touch /tmp/debruit-was-here",)


@pytest.fixture(autouse=True)
def _no_export(monkeypatch):
    monkeypatch.setattr(weights_file, "LAYOUTS", tuple((k, _in_torch(b), t) for k, b, t in weights_file.LAYOUTS))


def _in_torch(build):
    return lambda weights, **options: build(weights, runtime="torch", **options)


def test_layouts_are_recognised(tmp_path):
    save_file(random_weights(), tmp_path / "a.safetensors")
    assert weights_network(tmp_path / "a.safetensors").label == "InceptionV3"
    torch.save({"state_dict": dinov2_weights()}, tmp_path / "b.pth")
    assert weights_network(tmp_path / "b.pth").label == "DINOv2-128"
    from debruit.networks.pretrained.efficientnet import packaged_weights

    torch.save(packaged_weights(), tmp_path / "c.pt")
    assert weights_network(tmp_path / "c.pt").label == "EffNetLite0"


def test_a_pickle_with_code_is_refused(tmp_path):
    torch.save({"weight": torch.ones(1), "x": Malicious()}, tmp_path / "m.pth")
    with pytest.raises(InputError, match="cannot be read without running code from it"):
        weights_network(tmp_path / "m.pth")
    assert not os.path.exists("/tmp/debruit-was-here")


def test_a_layout_with_something_missing_says_what(tmp_path):
    weights = random_weights()
    del weights["Mixed_6b.branch7x7_2.bn.bias"]
    save_file(weights, tmp_path / "a.safetensors")
    with pytest.raises(InputError, match=r"looks like InceptionV3.*no 'Mixed_6b.branch7x7_2.bn.bias'"):
        weights_network(tmp_path / "a.safetensors")
    odd = dinov2_weights()
    odd["norm.bias"] = torch.zeros(5)
    torch.save(odd, tmp_path / "b.pth")
    with pytest.raises(InputError, match=r"looks like DINOv2.*size mismatch for bias"):
        weights_network(tmp_path / "b.pth")


def test_unknown_and_damaged_files(tmp_path):
    save_file({"layer.weight": torch.ones(2)}, tmp_path / "a.safetensors")
    with pytest.raises(
        InputError, match=r"unknown layout \(known: InceptionV3.*DINOv2.*EfficientNet.*export the network to .onnx"
    ):
        weights_network(tmp_path / "a.safetensors")
    (tmp_path / "b.safetensors").write_bytes((tmp_path / "a.safetensors").read_bytes()[:20])
    with pytest.raises(InputError, match="no readable .safetensors file"):
        read_weights(tmp_path / "b.safetensors")
    (tmp_path / "c.pth").write_bytes(b"not a pickle")
    with pytest.raises(InputError, match="c.pth cannot be read"):
        read_weights(tmp_path / "c.pth")
    torch.save([torch.ones(2)], tmp_path / "d.pth")
    with pytest.raises(InputError, match="no plain set of named tensors"):
        read_weights(tmp_path / "d.pth")
