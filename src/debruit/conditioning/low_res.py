"""A small image that is to be enlarged, concatenated to x_t (Saharia et al. 2022, SR3; Rombach et al. 2022,
super-resolution).

image at rest -> means over scale x scale pixels -> values in [-1, 1] -> the grid of the latents (image_values.py)
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
    as_picture,
    fold,
    given_images,
    in_turn,
    resized,
    shares,
    tell_size,
)
from debruit.errors import InputError
from debruit.images.spec import DataSpec
from debruit.ranges import Share


@dataclass(frozen=True, kw_only=True)
class LowRes(Conditioner):
    """The image reduced by `scale`: float32 in [-1, 1], (B, C, ceil(H / scale), ceil(W / scale)). It is never dropped
    unless told otherwise, since enlarging needs one."""

    name: ClassVar[str] = "low-res"
    reads: ClassVar[str] = "image"
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
        """Height and width of the small image. InputError where it would have no pixels."""
        most = min(spec.height, spec.width)
        if not 1 <= self.scale <= most:
            raise InputError(
                f"scale={self.scale} of a condition on images of {spec.width} x {spec.height} pixels: give 1 to {most}"
            )
        return -(-spec.height // self.scale), -(-spec.width // self.scale)

    def read(self, items: Mapping[str, Any], spec: DataSpec) -> Tensor:
        return self._reduced(items["image"].to(torch.float32), spec)

    def parse(self, value: Any, indices: Sequence[int], spec: DataSpec) -> Tensor:
        """Images, one or several in turn (`given_images`). A small image of exactly the condition's size is taken as it
        is; any other is cropped to the proportions and resized, with a notice."""
        values = [one for what, images in given_images(value, spec) for one in self._small(images, what, spec)]
        return in_turn(values, indices)

    def none(self, count: int, spec: DataSpec) -> Tensor:
        return torch.zeros((count, spec.channels, *self.size(spec)))

    def width(self, spec: DataSpec, factor: int) -> int:
        self.size(spec)
        return spec.channels * fold(self.scale, factor) ** 2

    def build(self, spec: DataSpec, factor: int) -> nn.Module:
        size = spec.height, spec.width
        return ImageRescaler(size, spec.channels, step=self.scale, factor=factor, none=self.drop > 0)

    def picture(self, values: Tensor, spec: DataSpec) -> np.ndarray:
        return as_picture(values)

    def _reduced(self, images: Tensor, spec: DataSpec) -> Tensor:
        """Images of the full size, float32 at rest: rounded where the data is whole numbers, as a small image is that
        comes from a file."""
        if self.scale > 1:
            padded = F.pad(images, (0, -spec.width % self.scale, 0, -spec.height % self.scale), mode="replicate")
            images = F.avg_pool2d(padded, self.scale)
        return 2 * shares(images if spec.depth == "float32" else images.round(), spec) - 1

    def _small(self, images: Tensor, what: str, spec: DataSpec) -> Tensor:
        """(N, C, h, w) in [-1, 1] from images of any size at rest."""
        size, wanted = (images.shape[2], images.shape[3]), self.size(spec)
        if size == wanted:
            return 2 * shares(images, spec) - 1
        tell_size(what, size, wanted)
        if size == (spec.height, spec.width):
            return self._reduced(images, spec)
        return 2 * shares(resized(images, wanted), spec) - 1
