"""The network of the classifier.

Convolution, pooling, batch norm, ReLU, until at most 4 x 4 pixels are left, then a layer of 128 features. Pooling
before the norm reduces all later work to a quarter.
"""

import math

import torch.nn.functional as F
from torch import Tensor, nn

DIMENSIONS = 128


class Body(nn.Module):
    """Scaled images (N, C, h, w) -> features (N, 128)."""

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


def classifier_network(shape: tuple[int, int, int], classes: int) -> nn.ModuleDict:
    """The body and the linear layer from its features to logits; `shape` is (channels, height, width)."""
    return nn.ModuleDict({"body": Body(*shape), "head": nn.Linear(DIMENSIONS, classes)})
