"""VGG16 up to its last convolution (Simonyan & Zisserman 2015), with the linear heads that make it LPIPS: from files of
the user's.

The five maps that LPIPS compares (Zhang et al. 2018) follow the ReLU of the last convolution before each pooling:
relu1_2, relu2_2, relu3_3, relu4_3, relu5_3, of 64, 128, 256, 512 and 512 channels at 1, 1/2, 1/4, 1/8 and 1/16 of the
image's sides.
"""

from collections.abc import Mapping
from pathlib import Path

import torch.nn.functional as F
from torch import Tensor, nn

from debruit.errors import InputError

WIDTHS = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))
TAPS = tuple(block[-1] for block in WIDTHS)


class VGG16Maps(nn.Module):
    """Prepared images (N, 3, H, W), sides of 16 or more, -> five maps (N, c, h, w). `weights` in torchvision's
    layout."""

    def __init__(self, weights: Mapping[str, Tensor]) -> None:
        super().__init__()
        self.blocks = nn.ModuleList()
        inside, index = 3, 0
        for block in WIDTHS:
            layers = []
            for outside in block:
                conv = nn.Conv2d(inside, outside, 3, padding=1, device="meta")  # draws nothing from torch's generator
                conv.weight = nn.Parameter(weights[f"features.{index}.weight"].float())
                conv.bias = nn.Parameter(weights[f"features.{index}.bias"].float())
                layers += [conv, nn.ReLU()]
                inside, index = outside, index + 2
            self.blocks.append(nn.Sequential(*layers))
            index += 1  # the pooling

    def forward(self, x: Tensor) -> list[Tensor]:
        maps = []
        for n, block in enumerate(self.blocks):
            x = block(F.max_pool2d(x, 2) if n else x)
            maps.append(x)
        return maps


def vgg16_shapes() -> dict[str, tuple[int, ...]]:
    """Names and shapes of the tensors that are read of torchvision's file."""
    shapes: dict[str, tuple[int, ...]] = {}
    inside, index = 3, 0
    for block in WIDTHS:
        for outside in block:
            shapes[f"features.{index}.weight"] = (outside, inside, 3, 3)
            shapes[f"features.{index}.bias"] = (outside,)
            inside, index = outside, index + 2
        index += 1
    return shapes


def head_shapes() -> dict[str, tuple[int, ...]]:
    """Names and shapes of the tensors in a file of LPIPS heads: a weight for each channel of each map."""
    return {f"lin{k}.model.1.weight": (1, channels, 1, 1) for k, channels in enumerate(TAPS)}


def check_layout(path: Path, weights: Mapping[str, Tensor], expected: Mapping[str, tuple[int, ...]], what: str) -> None:
    """InputError where a file's tensors are not those expected: says the first that is missing or of another shape, and
    what is there."""
    for name, shape in expected.items():
        if name not in weights:
            names = ", ".join(list(weights)[:3])
            raise InputError(f"{path} is no {what}: it has no tensor {name} of shape {shape}, but {names} ...")
        if tuple(weights[name].shape) != shape:
            raise InputError(
                f"{path} is no {what}: its {name} has the shape {tuple(weights[name].shape)} where {shape} is expected"
            )
