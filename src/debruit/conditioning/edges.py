"""The edges of an image, one pixel wide, which are to be filled, concatenated to x_t. Nothing is learned but the
"none".

gradient (Sobel) of each channel -> that of the channel where it is largest -> kept where it is at least THRESHOLD and
largest along its own direction (non-maximum suppression, Canny 1986) -> -1 or 1 -> the grid of the latents
(image_values.py)
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
    as_picture,
    cropped,
    fold,
    given_images,
    in_turn,
    resized,
    shares,
    tell_size,
)
from debruit.images.spec import DataSpec
from debruit.ranges import Share

THRESHOLD = 0.06  # of the range a pixel: a step of 12 % of the range
EXTREME, MOSTLY = 0.1, 0.98  # a picture of lines has such a share of its pixels within EXTREME of black or white
DIRECTIONS = ((0, 1), (1, 1), (1, 0), (1, -1))  # rows, columns, at 0, 45, 90, 135 degrees


@dataclass(frozen=True, kw_only=True)
class Canny(Conditioner):
    """Edges, 1 where there is one and -1 elsewhere, (B, 1, H, W)."""

    name: ClassVar[str] = "canny"
    reads: ClassVar[str] = "image"
    keyword: ClassVar[str] = "image"
    aliases: ClassVar[tuple[str, ...]] = ("edges",)
    example: ClassVar[str] = "FILE"
    door: ClassVar[Literal["spatial"]] = "spatial"
    drop: Share = DROP

    @classmethod
    def from_data(cls, context: DataContext) -> Self:
        return cls()

    def read(self, items: Mapping[str, Any], spec: DataSpec) -> Tensor:
        return 2 * outlines(shares(items["image"], spec)) - 1

    def parse(self, value: Any, indices: Sequence[int], spec: DataSpec) -> Tensor:
        """Images, one or several in turn (`given_images`). A picture in black and white holds lines already, of its
        rarer colour; of any other image the edges are taken. Another size is cropped to the proportions and resized,
        with a notice."""
        full, values = (spec.height, spec.width), []
        for what, images in given_images(value, spec):
            tell_size(what, (images.shape[2], images.shape[3]), full)
            values += [2 * _edges(image[None], spec) - 1 for image in images]
        return in_turn(values, indices)

    def none(self, count: int, spec: DataSpec) -> Tensor:
        return torch.zeros((count, 1, spec.height, spec.width))

    def width(self, spec: DataSpec, factor: int) -> int:
        return fold(1, factor) ** 2

    def build(self, spec: DataSpec, factor: int) -> nn.Module:
        return ImageRescaler((spec.height, spec.width), 1, step=1, factor=factor, none=self.drop > 0)

    def picture(self, values: Tensor, spec: DataSpec) -> np.ndarray:
        return as_picture(values)


def _edges(image: Tensor, spec: DataSpec) -> Tensor:
    """The lines of a drawing, or the edges of another image, (1, C, H, W) at rest of any size -> (1, H, W) of the
    data's."""
    size, share = (spec.height, spec.width), shares(image, spec)
    if is_drawing(share[0]):
        return lines(cropped(share, size)[0], *size)
    return outlines(shares(resized(image, size), spec))[0]


def outlines(images: Tensor) -> Tensor:
    """Images (B, C, H, W) in [0, 1] -> (B, 1, H, W), 1 on an outline and 0 elsewhere. Of two pixels with equal
    gradients on both sides of a step one is taken."""
    down, right = _gradient(images)
    strength = down.square() + right.square()
    strongest = strength.argmax(1, keepdim=True)
    down, right, strength = (x.gather(1, strongest) for x in (down, right, strength))
    sector = (torch.atan2(down, right) / (math.pi / 4)).round().long() % 4
    behind, ahead = (
        torch.cat([_moved(strength, sign * y, sign * x) for y, x in DIRECTIONS], dim=1).gather(1, sector)
        for sign in (-1, 1)
    )
    return ((strength >= THRESHOLD**2) & (strength > behind) & (strength >= ahead)).float()


def is_drawing(picture: Tensor) -> bool:
    """Whether a picture (C, H, W) in [0, 1] is black and white already."""
    extreme = ((picture < EXTREME).all(0) | (picture > 1 - EXTREME).all(0)).float().mean()
    return bool(extreme >= MOSTLY)


def lines(drawing: Tensor, height: int, width: int) -> Tensor:
    """A black and white picture (C, H', W') in [0, 1] -> (1, height, width), 1 on a line and 0 elsewhere: the lines are
    of the colour that is rarer. A line stays where it is made smaller."""
    dark = (drawing.mean(0) < 0.5).float()
    marked = dark if dark.mean() <= 0.5 else 1 - dark
    shrink = max(marked.shape[0] / height, marked.shape[1] / width, 1.0)
    mode = "area" if shrink > 1 else "nearest"
    covered = F.interpolate(marked[None, None], size=(height, width), mode=mode)[0]
    return (covered >= 0.5 / shrink).float()  # a line one pixel wide covers 1 / shrink of a place that it crosses


def _gradient(images: Tensor) -> tuple[Tensor, Tensor]:
    """Change per pixel downwards and to the right, (B, C, H, W) each: central differences, smoothed 1 2 1 across."""
    smooth, change = images.new_tensor([0.25, 0.5, 0.25]), images.new_tensor([-0.5, 0.0, 0.5])
    padded = F.pad(images, (1, 1, 1, 1), mode="replicate").flatten(0, 1)[:, None]
    down, right = (
        F.conv2d(padded, kernel[None, None]).view(images.shape)
        for kernel in (torch.outer(change, smooth), torch.outer(smooth, change))
    )
    return down, right


def _moved(x: Tensor, rows: int, columns: int) -> Tensor:
    """(B, 1, H, W) whose value at (i, j) is x's at (i + rows, j + columns), 0 outside."""
    padded = F.pad(x, (1, 1, 1, 1))
    return padded[..., 1 + rows : 1 + rows + x.shape[-2], 1 + columns : 1 + columns + x.shape[-1]]
