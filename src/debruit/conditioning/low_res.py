"""A low resolution of the image as a condition, for super-resolution, concatenated to x_t (SR3, Saharia et al. 2022;
Rombach et al. 2022, super-resolution).

    image -> means over scale x scale pixels -> values in [-1, 1] -> the grid of the latents (image_values.py)
"""

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
from debruit.ranges import Share


@dataclass(frozen=True, kw_only=True)
class LowRes(Conditioner):
    """Images reduced by `scale`, as values (B, C, ceil(H / scale), ceil(W / scale)) float32 in [-1, 1]. Never dropped
    by default, since super-resolution always has one."""

    name: ClassVar[str] = "low-res"
    item: ClassVar[str] = "image"
    keyword: ClassVar[str] = "image"
    aliases: ClassVar[tuple[str, ...]] = ("image",)
    example: ClassVar[str] = "FILE"
    door: ClassVar[Literal["spatial"]] = "spatial"
    scale: int = 4
    drop: Share = 0.0

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

    def read(self, items: Mapping[str, Any], spec: DataSpec) -> Tensor:
        return self._reduced(items["image"].to(torch.float32), spec)

    def parse(self, value: Any, indices: Sequence[int], spec: DataSpec) -> Tensor:
        """Return one or several images, in turn (`given_images`). A small image of exactly the condition's size is used
        as it is; images of another size are centre-cropped and resized, with a notice."""
        values = [one for what, images in given_images(value, spec) for one in self._small(images, what, spec)]
        return in_turn(values, indices)

    def placeholder(self, count: int, spec: DataSpec) -> Tensor:
        return torch.zeros((count, spec.channels, *self.size(spec)))

    def width(self, spec: DataSpec, factor: int) -> int:
        self.size(spec)
        return spec.channels * fold(self.scale, factor) ** 2

    def build(self, spec: DataSpec, factor: int) -> nn.Module:
        size = spec.height, spec.width
        return ImageRescaler(size, spec.channels, step=self.scale, factor=factor, none=self.drop > 0)

    def to_image(self, values: Tensor, spec: DataSpec) -> np.ndarray:
        return rgb_image(values)

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
