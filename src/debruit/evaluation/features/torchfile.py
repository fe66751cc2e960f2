"""Weights that the user has: read without running code, and recognised by the names of their tensors."""

import pickle
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from debruit.errors import InputError
from debruit.evaluation.features.dinov2 import dinov2, is_dinov2
from debruit.evaluation.features.efficientnet import efficientnet
from debruit.evaluation.features.extractor import Extractor
from debruit.evaluation.features.inception import inception, is_inception
from debruit.evaluation.features.stored import Say

LAYOUTS = (
    (is_inception, inception, "InceptionV3 as in the FID literature (pt_inception-2015-12-05)"),
    (is_dinov2, dinov2, "DINOv2 (ViT-S, B or L, as released or in the Hugging Face layout)"),
    (lambda weights: "_blocks.0._depthwise_conv.weight" in weights, efficientnet, "EfficientNet-Lite0"),
)


def weights_network(path: Path, *, say: Say = print, device: str = "auto") -> Extractor:
    """The extractor whose weights these are. InputError: a file that cannot be read without running code from it, or of no known layout,
    or with tensors missing or of other shapes."""
    weights = read_weights(path)
    for known, build, layout in LAYOUTS:
        if known(weights):
            try:
                return build(weights, device=device, say=say)
            except (KeyError, RuntimeError) as error:
                reason = f"no {error}" if isinstance(error, KeyError) else str(error).splitlines()[-1].strip()
                raise InputError(f"{path} looks like {layout} but does not fit it: {reason}") from None
    known_layouts = "; ".join(layout for _, _, layout in LAYOUTS)
    raise InputError(
        f"{path} holds weights of no layout that is known ({known_layouts}): export the network to .onnx and name that file"
    )


def read_weights(path: Path) -> Mapping[str, Tensor]:
    """Named tensors. A .pth or .pt file is a pickle and read with weights_only=True: what would run code is refused."""
    try:
        found = load_file(path) if path.suffix.lower() == ".safetensors" else _unpickled(path)
    except SafetensorError as error:
        raise InputError(f"{path} is no readable .safetensors file ({error}): copy it again") from None
    weights = found.get("state_dict", found.get("model", found)) if isinstance(found, Mapping) else {}
    if not isinstance(weights, Mapping) or not weights or not all(isinstance(w, Tensor) for w in weights.values()):
        raise InputError(
            f"{path} holds no plain set of named tensors: save the network's state_dict() and name that file"
        )
    return weights


def _unpickled(path: Path):
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError) as error:
        raise InputError(
            f"{path} cannot be read without running code from it, or is damaged ({str(error).splitlines()[0][:100]}): save the network's "
            "state_dict() as .safetensors"
        ) from None
