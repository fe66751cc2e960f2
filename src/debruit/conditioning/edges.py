"""The outlines of images: where the brightness of a channel changes most, one pixel wide. Nothing in it is learned.

gradient (Sobel) of each channel -> that of the channel where it is largest -> kept where it is at least THRESHOLD and largest along its own direction
(non-maximum suppression, Canny 1986)
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

THRESHOLD = 0.06  # of the range a pixel: a step of 12 % of the range
EXTREME, MOSTLY = 0.1, 0.98  # a picture of lines has such a share of its pixels within EXTREME of black or white
DIRECTIONS = ((0, 1), (1, 1), (1, 0), (1, -1))  # rows, columns, at 0, 45, 90, 135 degrees


def outlines(images: Tensor) -> Tensor:
    """Images (B, C, H, W) in [0, 1] -> (B, 1, H, W), 1 on an outline and 0 elsewhere. Of two pixels with equal gradients on both sides of a step one is
    taken."""
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
    """A black and white picture (C, H', W') in [0, 1] -> (1, height, width), 1 on a line and 0 elsewhere: the lines are of the colour that is rarer. A line
    stays where it is made smaller."""
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
