"""Feature networks by name or file."""

import numpy as np

from debruit.data.dataset import Dataset
from debruit.errors import InputError, nearest
from debruit.files.home import expanded
from debruit.judges.extractor import Extractor

NAMES = ("efficientnet", "classifier")
WEIGHTS = (".safetensors", ".pth", ".pt")


def find_extractor(
    name: str,
    dataset: Dataset | None = None,
    *,
    device: str = "auto",
    indices: np.ndarray | None = None,
    group: str = "",
) -> Extractor:
    """The feature network "efficientnet"; "classifier", trained on the labels of the images `indices` of `dataset`
    (None: all), with whole groups held out (`group`, data/groups.py); or a file: an .onnx network, or weights
    (.safetensors, .pth, .pt) of a known network.

    InputError: a misspelt name, a file that does not exist or is not known, a classifier without labels.
    """
    if name == "efficientnet":
        from debruit.judges.features.efficientnet import efficientnet

        return efficientnet(device=device)
    if name == "classifier":
        from debruit.judges.supervised.classifier import classifier

        if dataset is None:
            raise InputError("the classifier is trained on labelled data: name it with --data")
        return classifier(dataset, indices, group=group, device=device)
    path = expanded(name)
    if path.suffix.lower() not in (".onnx", *WEIGHTS):
        hint = nearest(name, NAMES) or ";"
        raise InputError(
            f"unknown feature network '{name}'{hint} allowed: {', '.join(NAMES)}, or a file .onnx, .safetensors, .pth "
            "or .pt"
        )
    if not path.is_file():
        raise InputError(f"there is no file {path} to read a feature network from: check the path")
    if path.suffix.lower() == ".onnx":
        from debruit.judges.features.onnx import onnx_network

        return onnx_network(path)
    from debruit.judges.features.weights_file import weights_network

    return weights_network(path, device=device)
