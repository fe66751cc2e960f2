"""The edges of an image as a condition, one pixel wide, concatenated to x_t. Only "none" is learned.

gradient of each channel (Sobel) -> at each pixel the channel with the largest gradient
-> edge where it is at least THRESHOLD and a maximum along its direction (non-maximum suppression, Canny 1986)
-> values 1 (edge) and -1 -> the grid of the latents (image_values.py)
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from debruit.conditioning.base import Conditioner, DataContext
from debruit.conditioning.image_values import (
    DROP,
    ImageRescaler,
    cropped,
    fold,
    given_images,
    in_turn,
    notice_size,
    resized,
    rgb_image,
    unit_range,
)
from debruit.images.spec import DataSpec
from debruit.ranges import Share

THRESHOLD = 0.06  # of the range per pixel: a step of 12 % of the range
EXTREME, MOSTLY = 0.1, 0.98  # a line drawing has MOSTLY of its pixels within EXTREME of black or white
DIRECTIONS = ((0, 1), (1, 1), (1, 0), (1, -1))  # rows, columns, at 0, 45, 90, 135 degrees


@dataclass(frozen=True, kw_only=True)
class Canny(Conditioner):
    """Edges as values (B, 1, H, W), 1 on an edge and -1 elsewhere."""

    name: ClassVar[str] = "canny"
    item: ClassVar[str] = "image"
    keyword: ClassVar[str] = "image"
    aliases: ClassVar[tuple[str, ...]] = ("edges",)
    example: ClassVar[str] = "FILE"
    door: ClassVar[Literal["spatial"]] = "spatial"
    drop: Share = DROP

    @classmethod
    def from_data(cls, context: DataContext) -> Self:
        return cls()

    def read(self, items: Mapping[str, Any], spec: DataSpec) -> Tensor:
        return 2 * edge_map(unit_range(items["image"], spec)) - 1

    def parse(self, value: Any, indices: Sequence[int], spec: DataSpec) -> Tensor:
        """Return the edges of one or several images, in turn (`given_images`). A black-and-white image is taken as a
        line drawing, with lines of its rarer colour. Images of another size are centre-cropped and resized, with a
        notice."""
        full, values = (spec.height, spec.width), []
        for what, images in given_images(value, spec):
            notice_size(what, (images.shape[2], images.shape[3]), full)
            values += [2 * _edges(image[None], spec) - 1 for image in images]
        return in_turn(values, indices)

    def placeholder(self, count: int, spec: DataSpec) -> Tensor:
        return torch.zeros((count, 1, spec.height, spec.width))

    def width(self, spec: DataSpec, factor: int) -> int:
        return fold(1, factor) ** 2

    def build(self, spec: DataSpec, factor: int) -> nn.Module:
        return ImageRescaler((spec.height, spec.width), 1, step=1, factor=factor, none=self.drop > 0)

    def to_image(self, values: Tensor, spec: DataSpec) -> np.ndarray:
        return rgb_image(values)


def _edges(image: Tensor, spec: DataSpec) -> Tensor:
    """Return the lines of a line drawing, or the edges of another image: (1, C, H', W') in the dtype of the data ->
    (1, H, W) in {0, 1}, at the size of the data."""
    size, values = (spec.height, spec.width), unit_range(image, spec)
    if is_line_drawing(values[0]):
        return line_map(cropped(values, size)[0], *size)
    return edge_map(unit_range(resized(image, size), spec))[0]


def edge_map(images: Tensor) -> Tensor:
    """Images (B, C, H, W) in [0, 1] -> (B, 1, H, W), 1 on an edge and 0 elsewhere. If the two pixels at a step have
    equal gradients, only one is an edge."""
    down, right = _gradient(images)
    strength = down.square() + right.square()
    strongest = strength.argmax(1, keepdim=True)
    down, right, strength = (x.gather(1, strongest) for x in (down, right, strength))
    sector = (torch.atan2(down, right) / (math.pi / 4)).round().long() % 4
    before, after = (
        torch.cat([_moved(strength, sign * y, sign * x) for y, x in DIRECTIONS], dim=1).gather(1, sector)
        for sign in (-1, 1)
    )
    return ((strength >= THRESHOLD**2) & (strength > before) & (strength >= after)).float()


def is_line_drawing(image: Tensor) -> bool:
    """Whether an image (C, H, W) in [0, 1] is black and white."""
    extreme = ((image < EXTREME).all(0) | (image > 1 - EXTREME).all(0)).float().mean()
    return bool(extreme >= MOSTLY)


def line_map(drawing: Tensor, height: int, width: int) -> Tensor:
    """Black-and-white image (C, H', W') in [0, 1] -> (1, height, width), 1 on a line and 0 elsewhere. Lines have the
    rarer colour; thin ones survive downscaling."""
    dark = (drawing.mean(0) < 0.5).float()
    marked = dark if dark.mean() <= 0.5 else 1 - dark
    shrink = max(marked.shape[0] / height, marked.shape[1] / width, 1.0)
    mode = "area" if shrink > 1 else "nearest"
    covered = F.interpolate(marked[None, None], size=(height, width), mode=mode)[0]
    return (covered >= 0.5 / shrink).float()  # a line one pixel wide covers 1 / shrink of a pixel of the result


def _gradient(images: Tensor) -> tuple[Tensor, Tensor]:
    """Return the change per pixel downwards and to the right, (B, C, H, W) each: central differences, smoothed across
    with weights 1, 2, 1 (Sobel)."""
    smooth, change = images.new_tensor([0.25, 0.5, 0.25]), images.new_tensor([-0.5, 0.0, 0.5])
    padded = F.pad(images, (1, 1, 1, 1), mode="replicate").flatten(0, 1)[:, None]
    down, right = (
        F.conv2d(padded, kernel[None, None]).view(images.shape)
        for kernel in (torch.outer(change, smooth), torch.outer(smooth, change))
    )
    return down, right


def _moved(x: Tensor, rows: int, columns: int) -> Tensor:
    """Return x (B, 1, H, W) shifted, so that the value at (i, j) is x's at (i + rows, j + columns), 0 outside."""
    padded = F.pad(x, (1, 1, 1, 1))
    return padded[..., 1 + rows : 1 + rows + x.shape[-2], 1 + columns : 1 + columns + x.shape[-1]]
