"""The name that a user types -> a feature extractor."""

import numpy as np

from debruit.data.dataset import Dataset
from debruit.errors import InputError, nearest
from debruit.files.home import expanded
from debruit.judges.features.extractor import Extractor
from debruit.judges.features.stored import Say

NAMES = ("efficientnet", "classifier")
WEIGHTS = (".safetensors", ".pth", ".pt")


def find_extractor(
    name: str, dataset: Dataset | None = None, say: Say = print, *, device: str = "auto", indices: np.ndarray | None = None,
    group: str = "",
) -> Extractor:  # fmt: skip
    """ "efficientnet"; "classifier", trained on the labels of `dataset`, of its images `indices` where they are given and measured on whole groups
    where there is a `group` (data/groups.py); or a file: an .onnx network, or
    weights (.safetensors, .pth, .pt) of a network whose layout is known. InputError: a misspelt name, a file that is not there or not known, a
    classifier without labels."""
    if name == "efficientnet":
        from debruit.judges.features.efficientnet import efficientnet

        return efficientnet(device=device, say=say)
    if name == "classifier":
        from debruit.judges.features.classifier import classifier

        if dataset is None:
            raise InputError("the classifier is trained on labelled data: name it with --data")
        return classifier(dataset, indices, say=say, group=group)
    path = expanded(name)
    if path.suffix.lower() not in (".onnx", *WEIGHTS):
        hint = nearest(name, NAMES) or ";"
        raise InputError(
            f"unknown feature network '{name}'{hint} allowed: {', '.join(NAMES)}, or a file .onnx, .safetensors, .pth or .pt"
        )
    if not path.is_file():
        raise InputError(f"there is no file {path} to read a feature network from: check the path")
    if path.suffix.lower() == ".onnx":
        from debruit.judges.features.onnx import onnx_network

        return onnx_network(path, say=say)
    from debruit.judges.features.torchfile import weights_network

    return weights_network(path, say=say, device=device)
