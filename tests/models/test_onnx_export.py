"""The exported network gives PyTorch's predictions, for any batch."""

import json
import sys

import numpy as np
import pytest
import torch

from debruit.conditioning.label import Label
from debruit.config import decode
from debruit.diffusion.chain import Chain
from debruit.diffusion.processes.flow import Flow
from debruit.diffusion.processes.tabulated import Tabulated
from debruit.errors import InputError
from debruit.images.spec import DataSpec
from debruit.models.config import ModelConfig
from debruit.models.diffusion import Model
from debruit.networks.unet import UNet

SPEC = DataSpec(
    name="x", channels=1, height=8, width=8, depth="uint8", low=0, high=255, count=9, class_names=("a", "b", "c")
)
PLAIN = ModelConfig(
    data=SPEC,
    process=Tabulated(chain=Chain()),
    predicts="eps",
    network=UNet(channels=16, multipliers=(1, 2), blocks=1, attention=(2,), groups=4),
)
LABELLED = ModelConfig(
    data=SPEC,
    process=Flow(),
    conditioners=(Label(channels=8),),
    network=UNet(channels=16, multipliers=(1, 2), blocks=1, attention=(2,), groups=4, vector_channels=8),
)


@pytest.fixture(params=["plain", "labelled"])
def model(request) -> Model:
    """Tiny, and with weights at its end: a fresh network predicts 0."""
    config = {"plain": PLAIN, "labelled": LABELLED}[request.param]
    torch.manual_seed(0)
    backbone = config.build()
    for parameter in backbone.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    return Model(config, backbone)


def test_the_exported_network_predicts_what_the_model_predicts(model, tmp_path):
    onnx = pytest.importorskip("onnx")
    runtime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    file = tmp_path / "network.onnx"
    model.export_onnx(file)
    session = runtime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    fields = [c.name for c in model.config.conditioners]
    assert [i.name for i in session.get_inputs()] == ["x_t", "t", *(n for f in fields for n in (f, f"keep_{f}"))]
    props = {prop.key: prop.value for prop in onnx.load(file).metadata_props}
    assert decode(json.loads(props["debruit"]), ModelConfig) == model.config
    for count in (1, 5):
        x_t, t = torch.randn(count, 1, 8, 8), torch.linspace(0.1, 1.0, count)
        values = {f: torch.arange(count) % 3 for f in fields}
        keep = {f: torch.arange(count) != 1 for f in fields}
        with torch.no_grad():
            cond = model.backbone.cond(values, keep)
            expected = model.backbone.denoiser().raw(x_t, t.double(), cond)[0]
        feed = {"x_t": x_t, "t": t} | values | {f"keep_{f}": k for f, k in keep.items()}
        (found,) = session.run(["prediction"], {name: value.numpy() for name, value in feed.items()})
        assert expected.abs().max() > 0.1, "a prediction that says something"
        np.testing.assert_allclose(found, expected.numpy(), rtol=1e-4, atol=1e-4)


def test_without_onnx_the_error_names_the_extra(model, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    monkeypatch.setattr("debruit.models.onnx_export.find_spec", lambda name: None if name == "onnxscript" else object())
    with pytest.raises(InputError, match=r"needs onnxscript: pip install 'debruit\[onnx\]'"):
        model.export_onnx(tmp_path / "network.onnx")
