"""From what the user types to a network."""

import numpy as np
import pytest
from safetensors.torch import save_file
from test_dinov2 import random_weights
from test_onnx import means

from debruit.data.sources.digits import Digits
from debruit.errors import InputError
from debruit.judges.features import dinov2, efficientnet
from debruit.judges.features.network import eager
from debruit.judges.find import find_extractor


@pytest.fixture(autouse=True)
def _no_export(monkeypatch):
    """torch runs the networks: exporting them takes longer than these tests."""
    for module in (dinov2, efficientnet):
        monkeypatch.setattr(module, "run", lambda build, *_, **__: (eager(build(), "cpu"), "torch"))


def test_names_and_files(tmp_path, monkeypatch):
    assert find_extractor("efficientnet").label == "EffNetLite0"
    assert find_extractor(str(means(tmp_path / "own.ONNX", ["n", 3, 6, 6], [2, 3]))).label == "own"
    save_file(random_weights(), tmp_path / "d.safetensors")
    assert find_extractor(str(tmp_path / "d.safetensors")).dimensions == 128
    data = Digits().build()
    monkeypatch.setattr("debruit.judges.supervised.classifier.ClassifierTask.passes", 0)
    found = find_extractor("classifier", data)
    assert found.label == "Classifier(digits)"


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("eficientnet", "unknown feature network 'eficientnet', did you mean 'efficientnet'"),
        (
            "vgg",
            "unknown feature network 'vgg'; allowed: efficientnet, classifier, or a file .onnx, .safetensors, .pth or "
            ".pt",
        ),
        ("net.onnx", "there is no file net.onnx"),
        ("weights.tar", "unknown feature network 'weights.tar'"),
        ("classifier", "trained on labelled data: name it with --data"),
    ],
)
def test_what_is_not_there(name, sentence):
    with pytest.raises(InputError, match=sentence):
        find_extractor(name)


def test_features_do_not_depend_on_who_asks():
    data = Digits().build()
    images = data.batch([0, 1])["image"]
    one, two = find_extractor("efficientnet"), find_extractor("efficientnet")
    np.testing.assert_array_equal(one(images, data.spec), two(images, data.spec))
