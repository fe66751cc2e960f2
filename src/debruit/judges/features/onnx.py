"""Any network in an .onnx file of the user's: images in, vectors out.

An .onnx file says the shape of its input but not what its pixels should be. Without more, images are normalised by ImageNet's mean and deviation,
as most published networks want it; NAME.json beside NAME.onnx may say otherwise:
    {"size": 224, "mean": [127.5], "deviation": [127.5], "label": "MyNet"}       values on 0..255, one for all channels or one for each
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from torch import Tensor

from debruit.errors import InputError
from debruit.images.spec import DataSpec
from debruit.judges.features.network import NetworkExtractor
from debruit.judges.features.preparation import IMAGENET_DEVIATION, IMAGENET_MEAN, normalised, seen
from debruit.judges.features.runtime import BATCHES, open_session, session_forward
from debruit.judges.features.stored import Say

DEFAULT_SIZE = 224


class Preparation(BaseModel):
    """What NAME.json may hold."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    size: int | None = Field(default=None, ge=1)
    mean: tuple[float, ...] = IMAGENET_MEAN
    deviation: tuple[float, ...] = IMAGENET_DEVIATION
    label: str = ""


@dataclass(frozen=True)
class Shape:
    """What the network takes: a fixed number of images a call or None, channels, size, and whether channels come last."""

    batch: int | None
    channels: int
    height: int
    width: int
    last: bool


def onnx_network(path: Path, *, say: Say = print) -> NetworkExtractor:
    """The extractor; its features are the network's first output, averaged over space or, of tokens, the first one.

    InputError: onnxruntime is not installed, a file that it does not read, a network that does not take one batch of images.
    """
    session = _session(path)
    preparation = read_preparation(path.with_suffix(".json"), say)
    shape = input_shape(path, session, preparation.size)
    prepare = _preparing(preparation, shape)
    forward = _pooled(session_forward(session), shape.batch)
    try:
        probe = forward(prepare(torch.zeros(1, 3, shape.height, shape.width, dtype=torch.uint8), _PROBE))
    except Exception as error:  # what a network objects to, it says in its runtime's words
        raise InputError(
            f"{path} does not run on an image of {shape.height} x {shape.width} pixels ({str(error).splitlines()[0][:120]}): "
            "export it for float32 images, and give their size in the .json beside it"
        ) from None
    label = preparation.label or path.stem
    say(
        f"{label}: {shape.height} x {shape.width} pixels, mean {_listed(preparation.mean)}, deviation {_listed(preparation.deviation)} on "
        f"0..255 ({path.with_suffix('.json').name} may say otherwise), {probe.shape[1]:,} features"
    )
    return NetworkExtractor(
        label=label,
        dimensions=probe.shape[1],
        fingerprint=_fingerprint(path, preparation, shape),
        prepare=prepare,
        forward=forward,
        batch=shape.batch or BATCHES["onnxruntime"],
        runtime="onnxruntime",
    )


def read_preparation(path: Path, say: Say) -> Preparation:
    """NAME.json, or the defaults where there is none. InputError names the field that is wrong."""
    if not path.is_file():
        return Preparation()
    try:
        return Preparation.model_validate_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors()[0]
        at = ".".join(map(str, first["loc"])) or "the file"
        raise InputError(
            f"{path}: {at}: {first['msg']}; it may hold size, mean, deviation (on 0..255) and label"
        ) from None


def input_shape(path: Path, session: Any, size: int | None) -> Shape:
    """From the network's declared input; where its size is open, `size`, else 224."""
    inputs = session.get_inputs()
    declared = inputs[0].shape if inputs else []
    if len(inputs) != 1 or len(declared) != 4 or inputs[0].type != "tensor(float)":
        found = ", ".join(f"{i.name} {i.type} {i.shape}" for i in inputs) or "none"
        raise InputError(
            f"{path} takes the inputs {found}: a feature network takes one, float32 images (N, 3, H, W) or (N, H, W, 3)"
        )
    last = declared[3] in (1, 3) and declared[1] not in (1, 3)
    channels = declared[3] if last else declared[1]
    if channels not in (1, 3):
        raise InputError(f"{path} takes images of shape {declared}: 1 or 3 channels are supported, first or last")
    height, width = declared[1:3] if last else declared[2:4]
    fixed = lambda n: n if isinstance(n, int) else size or DEFAULT_SIZE  # noqa: E731 - open dimensions are names
    return Shape(declared[0] if isinstance(declared[0], int) else None, channels, fixed(height), fixed(width), last)


_PROBE = DataSpec(name="probe", channels=3, height=1, width=1, depth="uint8", low=0, high=255, count=1)


def _preparing(preparation: Preparation, shape: Shape) -> Callable[[Tensor, DataSpec], Tensor]:
    def prepare(images: Tensor, spec: DataSpec) -> Tensor:
        x = normalised(seen(images, spec, shape.height, shape.width), preparation.mean, preparation.deviation)
        x = x if shape.channels == 3 else x.mean(dim=1, keepdim=True)
        return x.permute(0, 2, 3, 1) if shape.last else x

    return prepare


def _pooled(forward: Callable[[Tensor], Tensor], batch: int | None) -> Callable[[Tensor], Tensor]:
    """(N, D) from whatever the network gives: (N, D), a map (N, D, h, w), or tokens (N, L, D). A network of a fixed batch gets a full one."""

    def pooled(x: Tensor, /) -> Tensor:
        count = len(x)
        if batch and count < batch:
            x = torch.cat([x, x[:1].expand(batch - count, -1, -1, -1)])
        found = forward(x)[:count]
        if found.ndim not in (2, 3, 4):
            raise ValueError(f"its output has the shape {tuple(found.shape)}")
        return found.mean(dim=(2, 3)) if found.ndim == 4 else found[:, 0] if found.ndim == 3 else found

    return pooled


def _session(path: Path):
    try:
        return open_session(path)
    except ImportError:
        raise InputError("onnxruntime is not installed: run pip install 'debruit[eval]'") from None
    except Exception as error:  # onnxruntime has an exception for each way in which a file is broken
        raise InputError(
            f"{path} is no network that onnxruntime reads ({str(error).splitlines()[0][:120]}): export it again"
        ) from None


def _fingerprint(path: Path, preparation: Preparation, shape: Shape) -> str:
    with open(path, "rb") as file:
        found = hashlib.file_digest(file, "sha256")
    found.update(json.dumps([preparation.model_dump(exclude={"label"}), repr(shape), "antialiased bicubic"]).encode())
    return found.hexdigest()[:32]


def _listed(values: tuple[float, ...]) -> str:
    return ", ".join(f"{value:g}" for value in values)
