"""Weights in a file that the user names: read without running code from it."""

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensor

from debruit.errors import InputError


def read_weights(path: Path) -> Mapping[str, Tensor]:
    """Named tensors, of a .safetensors file or of a pickle (.pth, .pt) that weights_only=True accepts. InputError: no
    such file, one that would run code, that is damaged, or that holds something else."""
    if not path.is_file():
        raise InputError(f"there is no file {path}: give the path of a network's weights (.safetensors or .pth)")
    try:
        stored = load_file(path) if path.suffix.lower() == ".safetensors" else _unpickled(path)
    except SafetensorError as error:
        raise InputError(f"{path} is no readable .safetensors file ({error}): copy it again") from None
    weights = stored.get("state_dict", stored.get("model", stored)) if isinstance(stored, Mapping) else {}
    if not isinstance(weights, Mapping) or not weights or not all(isinstance(w, Tensor) for w in weights.values()):
        raise InputError(
            f"{path} holds no plain set of named tensors: save the network's state_dict() and name that file"
        )
    return weights


def _unpickled(path: Path) -> Any:
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError) as error:
        raise InputError(
            f"{path} cannot be read without running code from it, or is damaged ({str(error).splitlines()[0][:100]}): "
            "save the network's "
            "state_dict() as .safetensors"
        ) from None


def is_shape_alone(x: Tensor) -> bool:
    """Whether it has no values: on the meta device, or fake for an estimate."""
    return x.is_meta or isinstance(x.detach(), FakeTensor)
