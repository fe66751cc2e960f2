"""A low resolution of the image as a condition, for super-resolution, concatenated to x_t (SR3, Saharia et al. 2022;
Rombach et al. 2022, super-resolution).

    image -> means over scale x scale pixels -> values in [-1, 1] -> the grid of the latents (image_values.py)

With `noise` > 0 training degrades the small image to a random level u in [0, 1], which the network is given as one more
plane (conditioning augmentation, Ho et al. 2022, "Cascaded diffusion models", section 4): such a model also fixes what
the small image has of blur and noise. The degradation is that of the samples of a small latent model,

    y = blur(x, u) + u noise (w white + (1 - w) coarse) (FLAT + (1 - FLAT) c),    w uniform in [0, 1]

where c in [0, 1] is the contrast around a pixel: a decoder errs at edges, and little in what is flat. `coarse` is white
noise of a half and a quarter of the resolution, enlarged, since a decoder turns an error of one latent into a stain. In
sampling nothing is added: the network is only told the level `level`.
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
    ImageRescaler,
    fold,
    given_images,
    in_turn,
    notice_size,
    resized,
    rgb_image,
    unit_range,
)
from debruit.errors import InputError
from debruit.images.spec import DataSpec
from debruit.ranges import NotNegative, Share
from debruit.rng import Stream

COARSE = (1, 2, 4)  # the sizes of the noise, in pixels of the small image
AROUND = 5  # pixels: the side of the square whose contrast is that of its middle
FLAT = 0.25  # the share of the noise where the image is flat
MOST_BLUR = 1.0  # standard deviation of the blur at level 1, in pixels of the small image


@dataclass(frozen=True, kw_only=True)
class LowRes(Conditioner):
    """Images reduced by `scale`, as values (B, C, ceil(H / scale), ceil(W / scale)) float32 in [-1, 1]. Never dropped
    by default, since super-resolution always has one. `noise` is the standard deviation of the noise at level 1; 0 does
    not degrade the small images, and leaves the level out."""

    name: ClassVar[str] = "low-res"
    item: ClassVar[str] = "image"
    keyword: ClassVar[str] = "image"
    aliases: ClassVar[tuple[str, ...]] = ("image",)
    example: ClassVar[str] = "FILE"
    door: ClassVar[Literal["spatial"]] = "spatial"
    scale: int = 4
    drop: Share = 0.0
    noise: NotNegative = 0.0
    level: Share = 0.0

    @classmethod
    def from_data(cls, context: DataContext) -> Self:
        return cls()

    def size(self, spec: DataSpec) -> tuple[int, int]:
        """Return height and width of the small image. Raise InputError unless 1 <= scale <= the shorter side."""
        most = min(spec.height, spec.width)
        if not 1 <= self.scale <= most:
            raise InputError(
                f"scale={self.scale} of a condition on images of {spec.width} x {spec.height} pixels: give 1 to {most}"
            )
        return -(-spec.height // self.scale), -(-spec.width // self.scale)

    @property
    def window(self) -> int:
        return self.scale

    def read(self, items: Mapping[str, Any], spec: DataSpec) -> Tensor:
        return self._levelled(self._reduced(items["image"].to(torch.float32), spec))

    def degraded(self, values: Tensor, random: Stream, first: int) -> Tensor:
        """Return values (B, C + 1, h, w) degraded to levels that are uniform in [0, 1]."""
        if not self.noise:
            return values
        images, (_, channels, height, width) = values[:, :-1], values[:, :-1].shape
        sizes = [(channels, -(-height // n), -(-width // n)) for n in COARSE]
        row = random.normal_rows(first, len(values), (2 + sum(math.prod(size) for size in sizes),))
        level, share = torch.special.ndtr(row[:, :2].double()).float().T[..., None, None, None]
        parts = row[:, 2:].split([math.prod(size) for size in sizes], dim=1)
        white, *coarse = (
            F.interpolate(part.reshape(-1, *size), size=(height, width), mode="bicubic")
            for part, size in zip(parts, sizes, strict=True)
        )
        noise = share * white + (1 - share) * sum(coarse)
        degraded = _blurred(images, level) + level * self.noise * noise * (FLAT + (1 - FLAT) * _contrast(images))
        return torch.cat([degraded, level.expand(-1, 1, height, width)], dim=1)

    def parse(self, value: Any, indices: Sequence[int], spec: DataSpec) -> Tensor:
        """Return one or several images, in turn (`given_images`). A small image of exactly the condition's size is used
        as it is; images of another size are centre-cropped and resized, with a notice."""
        given = [self._levelled(self._small(images, what, spec)) for what, images in given_images(value, spec)]
        values = [one for images in given for one in images]
        return in_turn(values, indices)

    def placeholder(self, count: int, spec: DataSpec) -> Tensor:
        return torch.zeros((count, self._planes(spec), *self.size(spec)))

    def width(self, spec: DataSpec, factor: int) -> int:
        self.size(spec)
        return self._planes(spec) * fold(self.scale, factor) ** 2

    def build(self, spec: DataSpec, factor: int) -> nn.Module:
        size = spec.height, spec.width
        return ImageRescaler(size, self._planes(spec), step=self.scale, factor=factor, none=self.drop > 0)

    def to_image(self, values: Tensor, spec: DataSpec) -> np.ndarray:
        return rgb_image(values[: spec.channels])

    def _planes(self, spec: DataSpec) -> int:
        return spec.channels + (self.noise > 0)

    def _levelled(self, images: Tensor) -> Tensor:
        """Return values (N, C, h, w) with a plane of the level of sampling, if the network is given one."""
        if not self.noise:
            return images
        return torch.cat([images, torch.full_like(images[:, :1], self.level)], dim=1)

    def _reduced(self, images: Tensor, spec: DataSpec) -> Tensor:
        """Reduce images (N, C, H, W) float32 in the range of the data to values in [-1, 1]. For data of whole numbers
        the means are rounded, as in a small image from a file."""
        if self.scale > 1:
            padded = F.pad(images, (0, -spec.width % self.scale, 0, -spec.height % self.scale), mode="replicate")
            images = F.avg_pool2d(padded, self.scale)
        return 2 * unit_range(images if spec.depth == "float32" else images.round(), spec) - 1

    def _small(self, images: Tensor, what: str, spec: DataSpec) -> Tensor:
        """Convert images of any size, in the range of the data, to values (N, C, h, w) in [-1, 1]."""
        size, expected = (images.shape[2], images.shape[3]), self.size(spec)
        if size == expected:
            return 2 * unit_range(images, spec) - 1
        notice_size(what, size, expected)
        if size == (spec.height, spec.width):
            return self._reduced(images, spec)
        return 2 * unit_range(resized(images, expected), spec) - 1


def _contrast(images: Tensor) -> Tensor:
    """Return half the range of the values around each pixel of images (N, C, h, w) in [-1, 1], of the channel where it
    is largest, (N, 1, h, w) in [0, 1]."""
    highest, lowest = (sign * F.max_pool2d(sign * images, AROUND, 1, AROUND // 2) for sign in (1, -1))
    return ((highest - lowest) / 2).amax(dim=1, keepdim=True).clamp(0, 1)


def _blurred(images: Tensor, level: Tensor) -> Tensor:
    """Blur images (N, C, h, w) by Gaussians of standard deviation MOST_BLUR level, (N, 1, 1, 1): two passes of five
    taps."""
    taps = torch.arange(-2.0, 3.0, device=images.device)
    kernel = torch.exp(-0.5 * (taps / (MOST_BLUR * level[:, 0, 0] + 1e-3)) ** 2)  # (N, 5)
    kernel = kernel / kernel.sum(dim=1, keepdim=True)
    for axes, shape in (((2, 2, 0, 0), (1, 5)), ((0, 0, 2, 2), (5, 1))):
        weights = kernel.reshape(-1, 1, *shape).repeat_interleave(images.shape[1], dim=0)
        padded = F.pad(images, axes, mode="replicate").flatten(0, 1)[None]
        images = F.conv2d(padded, weights, groups=len(weights)).reshape(images.shape)
    return images
