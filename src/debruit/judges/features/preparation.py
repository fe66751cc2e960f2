"""The input of feature networks: three channels on 0..255, at the network's size."""

import torch
import torch.nn.functional as F
from torch import Tensor

from debruit.images.spec import DataSpec

IMAGENET_MEAN = (123.675, 116.28, 103.53)  # of values on 0..255, red, green, blue
IMAGENET_DEVIATION = (58.395, 57.12, 57.375)


def on_255(images: Tensor, spec: DataSpec) -> Tensor:
    """Images at rest (N, C, H, W) as (N, 1 or 3, H, W) float32, the data's range on 0..255: of more than three channels
    the first three, of two the first."""
    images = images[:, :3] if images.shape[1] >= 3 else images[:, :1]
    return (spec.to_model(images) + 1) * 127.5


def resized(images: Tensor, spec: DataSpec, height: int, width: int) -> Tensor:
    """Images at rest (N, C, H, W) as (N, 3, height, width) float32, the data's range on 0..255.

    Grey is repeated. The whole image is resized, whatever its proportions: bicubic, with antialiasing if it shrinks,
    clipped to 0..255. Resizing changes a score (Parmar, Zhang & Zhu 2022), so it is part of a network's fingerprint.
    """
    x = on_255(images, spec)
    if x.shape[-2:] != (height, width):
        x = F.interpolate(x, (height, width), mode="bicubic", align_corners=False, antialias=True).clamp(0, 255)
    return x.expand(-1, 3, -1, -1)


def normalised(x: Tensor, mean: tuple[float, ...], deviation: tuple[float, ...]) -> Tensor:
    """(x - mean) / deviation for each channel; x (N, C, H, W)."""
    shape = (1, -1, 1, 1)
    return (x - torch.tensor(mean, device=x.device).view(shape)) / torch.tensor(deviation, device=x.device).view(shape)
