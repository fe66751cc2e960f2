"""A feature network in the user's .onnx file: images in, vectors out.

An .onnx file gives the shape of its input but not the scale of its pixels. By default images are normalised by
ImageNet's mean and standard deviation, as most published networks expect; NAME.json next to NAME.onnx may change that:
    {"size": 224, "mean": [127.5], "deviation": [127.5], "label": "MyNet"}       values on 0..255, one for all channels
    or one for each
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

from debruit import events
from debruit.errors import InputError
from debruit.images.spec import DataSpec
from debruit.judges.features.network import NetworkExtractor
from debruit.judges.features.preparation import IMAGENET_DEVIATION, IMAGENET_MEAN, normalised, resized
from debruit.judges.features.runtime import BATCHES, open_session, session_forward

DEFAULT_SIZE = 224


class InputSettings(BaseModel):
    """The fields of NAME.json."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    size: int | None = Field(default=None, ge=1)
    mean: tuple[float, ...] = IMAGENET_MEAN
    deviation: tuple[float, ...] = IMAGENET_DEVIATION
    label: str = ""


@dataclass(frozen=True)
class Shape:
    """The network's input: number of images per call (None: any), channels, size, and whether channels come last."""

    batch: int | None
    channels: int
    height: int
    width: int
    last: bool


def onnx_network(path: Path) -> NetworkExtractor:
    """The extractor of the network's first output: of a map the mean over space, of tokens the first one.

    InputError: onnxruntime is not installed or cannot read the file, or the network does not take one batch of images.
    """
    session = _session(path)
    settings = read_settings(path.with_suffix(".json"))
    shape = input_shape(path, session, settings.size)
    prepare = _prepare(settings, shape)
    forward = _pooled(session_forward(session), shape.batch)
    try:
        probe = forward(prepare(torch.zeros(1, 3, shape.height, shape.width, dtype=torch.uint8), _PROBE))
    except Exception as error:  # a runtime has its own exceptions
        raise InputError(
            f"{path} does not run on an image of {shape.height} x {shape.width} pixels "
            f"({str(error).splitlines()[0][:120]}): export it for float32 images, and give their size in a .json file "
            "next to it"
        ) from None
    label = settings.label or path.stem
    events.say(
        f"{label}: {shape.height} x {shape.width} pixels, mean {_listed(settings.mean)}, deviation "
        f"{_listed(settings.deviation)} on 0..255 (set by {path.with_suffix('.json').name}), {probe.shape[1]:,} "
        "features"
    )
    return NetworkExtractor(
        label=label,
        dimensions=probe.shape[1],
        fingerprint=_fingerprint(path, settings, shape),
        prepare=prepare,
        forward=forward,
        batch=shape.batch or BATCHES["onnxruntime"],
        runtime="onnxruntime",
    )


def read_settings(path: Path) -> InputSettings:
    """The settings in NAME.json, or the defaults without one. InputError names the wrong field."""
    if not path.is_file():
        return InputSettings()
    try:
        return InputSettings.model_validate_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors()[0]
        at = ".".join(map(str, first["loc"])) or "the file"
        raise InputError(
            f"{path}: {at}: {first['msg']}; it may hold size, mean, deviation (on 0..255) and label"
        ) from None


def input_shape(path: Path, session: Any, size: int | None) -> Shape:
    """The network's declared input; if its size is open, `size`, else 224."""
    inputs = session.get_inputs()
    declared = inputs[0].shape if inputs else []
    if len(inputs) != 1 or len(declared) != 4 or inputs[0].type != "tensor(float)":
        declared_inputs = ", ".join(f"{i.name} {i.type} {i.shape}" for i in inputs) or "none"
        raise InputError(
            f"{path} takes the inputs {declared_inputs}: a feature network takes one, float32 images (N, 3, H, W) or "
            "(N, H, W, 3)"
        )
    last = declared[3] in (1, 3) and declared[1] not in (1, 3)
    channels = declared[3] if last else declared[1]
    if channels not in (1, 3):
        raise InputError(f"{path} takes images of shape {declared}: 1 or 3 channels are supported, first or last")
    height, width = declared[1:3] if last else declared[2:4]
    fixed = lambda n: n if isinstance(n, int) else size or DEFAULT_SIZE  # noqa: E731 - open dimensions are names
    return Shape(declared[0] if isinstance(declared[0], int) else None, channels, fixed(height), fixed(width), last)


_PROBE = DataSpec(name="probe", channels=3, height=1, width=1, depth="uint8", low=0, high=255, count=1)


def _prepare(settings: InputSettings, shape: Shape) -> Callable[[Tensor, DataSpec], Tensor]:
    def prepare(images: Tensor, spec: DataSpec) -> Tensor:
        x = normalised(resized(images, spec, shape.height, shape.width), settings.mean, settings.deviation)
        x = x if shape.channels == 3 else x.mean(dim=1, keepdim=True)
        return x.permute(0, 2, 3, 1) if shape.last else x

    return prepare


def _pooled(forward: Callable[[Tensor], Tensor], batch: int | None) -> Callable[[Tensor], Tensor]:
    """(N, D) from the network's output: (N, D), a map (N, D, h, w), or tokens (N, L, D). A fixed batch size is filled
    up."""

    def pooled(x: Tensor, /) -> Tensor:
        count = len(x)
        if batch and count < batch:
            x = torch.cat([x, x[:1].expand(batch - count, -1, -1, -1)])
        output = forward(x)[:count]
        if output.ndim not in (2, 3, 4):
            raise ValueError(f"its output has the shape {tuple(output.shape)}")
        return output.mean(dim=(2, 3)) if output.ndim == 4 else output[:, 0] if output.ndim == 3 else output

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


def _fingerprint(path: Path, settings: InputSettings, shape: Shape) -> str:
    with open(path, "rb") as file:
        hashed = hashlib.file_digest(file, "sha256")
    hashed.update(json.dumps([settings.model_dump(exclude={"label"}), repr(shape), "antialiased bicubic"]).encode())
    return hashed.hexdigest()[:32]


def _listed(values: tuple[float, ...]) -> str:
    return ", ".join(f"{value:g}" for value in values)
