"""The network of the classifier, and what its images go through first.

Convolution, pooling, batch norm, ReLU, until 4 x 4 pixels or fewer are left, then a layer of 128 features. Pooling before the norm quarters the
work of all that follows.
"""

import math
from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor, nn

from debruit.images.spec import DataSpec
from debruit.judges.features.preparation import on_255

SIDE = 32  # pixels of the longer side, at most
DIMENSIONS = 128


def input_shape(spec: DataSpec, side: int = SIDE) -> tuple[int, int, int]:
    """(channels, height, width) that the network sees of such data: 1 or 3 channels, at most `side` pixels each way, proportions kept."""
    scale = min(side / max(spec.height, spec.width), 1.0)
    return 3 if spec.channels >= 3 else 1, max(round(spec.height * scale), 1), max(round(spec.width * scale), 1)


class Body(nn.Module):
    """Prepared images (N, C, h, w) -> features (N, 128)."""

    def __init__(self, channels: int, height: int, width: int) -> None:
        super().__init__()
        layers, inside = [], channels
        for outside in (24, 64, 128, 128):
            if max(height, width) <= 4:
                break
            layers += [nn.Conv2d(inside, outside, 3, padding=1, bias=False), nn.MaxPool2d(2, ceil_mode=True)]
            layers += [nn.BatchNorm2d(outside), nn.ReLU()]
            inside, height, width = outside, math.ceil(height / 2), math.ceil(width / 2)
        self.maps = nn.Sequential(*layers)
        self.neck = nn.Linear(inside * height * width, DIMENSIONS)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.neck(self.maps(x).flatten(1)))


@dataclass(frozen=True)
class Preparation:
    """Images at rest -> what the body sees: `channels` (1 or 3), `height` x `width` pixels, by `mean` and `deviation` of the data on 0..255."""

    channels: int
    height: int
    width: int
    mean: float = 0.0
    deviation: float = 1.0

    def __call__(self, images: Tensor, spec: DataSpec) -> Tensor:
        x = on_255(images, spec)
        if x.shape[1] != self.channels:
            x = x.mean(dim=1, keepdim=True).expand(-1, self.channels, -1, -1)
        if x.shape[-2:] != (self.height, self.width):
            x = F.interpolate(x, (self.height, self.width), mode="bilinear", antialias=True)
        return (x - self.mean) / self.deviation
