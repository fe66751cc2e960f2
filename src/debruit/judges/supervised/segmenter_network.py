"""The network of the segmenter: a small U-Net.

Each level is a convolution, batch norm and ReLU. Pooling halves height and width on the way down; on the way up the
nearest pixel is repeated and concatenated with the maps of the same level.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

WIDTHS = (16, 32, 64, 64)


class SegmenterNetwork(nn.Module):
    """Scaled images (N, C, h, w) -> logits (N, classes, h, w)."""

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        self.down = nn.ModuleList(_layer(a, b) for a, b in zip((channels, *WIDTHS), WIDTHS, strict=False))
        self.up = nn.ModuleList(_layer(a + b, b) for a, b in zip(WIDTHS[:0:-1], WIDTHS[-2::-1], strict=True))
        self.head = nn.Conv2d(WIDTHS[0], classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        maps: list[Tensor] = []
        for layer in self.down:
            x = layer(F.max_pool2d(x, 2, ceil_mode=True) if maps else x)
            maps.append(x)
        for layer, skip in zip(self.up, maps[-2::-1], strict=True):
            x = layer(torch.cat([F.interpolate(x, skip.shape[2:], mode="nearest"), skip], dim=1))
        return self.head(x)


def _layer(inside: int, outside: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inside, outside, 3, padding=1, bias=False), nn.BatchNorm2d(outside), nn.ReLU())
