"""The first frame of the sequence of an image as a condition, concatenated to x_t. Only "none" is learned."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self

import numpy as np
import torch
from torch import Tensor, nn

from debruit.conditioning.base import Conditioner, DataContext
from debruit.conditioning.image_values import (
    DROP,
    ImageRescaler,
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


@dataclass(frozen=True, kw_only=True)
class FirstFrame(Conditioner):
    """First frames as values (B, C, H, W) in [-1, 1]."""

    name: ClassVar[str] = "first-frame"
    item: ClassVar[str] = "first"
    keyword: ClassVar[str] = "image"
    aliases: ClassVar[tuple[str, ...]] = ("first",)
    missing: ClassVar[str] = (
        "it has no sequences of frames: put the frames of each into a subfolder of its own, named in their order"
    )
    example: ClassVar[str] = "FILE"
    door: ClassVar[Literal["spatial"]] = "spatial"
    drop: Share = DROP

    @classmethod
    def from_data(cls, context: DataContext) -> Self:
        return cls()

    def read(self, items: Mapping[str, Any], spec: DataSpec) -> Tensor:
        return 2 * unit_range(items["first"], spec) - 1

    def parse(self, value: Any, indices: Sequence[int], spec: DataSpec) -> Tensor:
        """Return one or several images, in turn (`given_images`). Images of another size are centre-cropped and
        resized, with a notice."""
        full, values = (spec.height, spec.width), []
        for what, images in given_images(value, spec):
            size = images.shape[2], images.shape[3]
            notice_size(what, size, full)
            values += 2 * unit_range(images if size == full else resized(images, full), spec) - 1
        return in_turn(values, indices)

    def placeholder(self, count: int, spec: DataSpec) -> Tensor:
        return torch.zeros((count, spec.channels, spec.height, spec.width))

    def width(self, spec: DataSpec, factor: int) -> int:
        return spec.channels * fold(1, factor) ** 2

    def build(self, spec: DataSpec, factor: int) -> nn.Module:
        return ImageRescaler((spec.height, spec.width), spec.channels, step=1, factor=factor, none=self.drop > 0)

    def to_image(self, values: Tensor, spec: DataSpec) -> np.ndarray:
        return rgb_image(values)

    def describe(self, context: DataContext) -> list[str]:
        _, frames = np.unique(context.dataset.first_frames, return_counts=True)
        least, most = frames.min(), frames.max()
        return [
            f"frames    {len(frames):,} folders of {least:,} to {most:,} frames, each frame next to the first of its "
            "folder"
        ]
