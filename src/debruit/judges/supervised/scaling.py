"""Size, channels and scale of the images that small networks are trained on."""

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor

from debruit.images.spec import DataSpec
from debruit.judges.features.preparation import on_255


def input_shape(spec: DataSpec, side: int) -> tuple[int, int, int]:
    """(channels, height, width) of a network's input for this data: 1 or 3 channels, at most `side` pixels in height
    and width, with the proportions of the data."""
    scale = min(side / max(spec.height, spec.width), 1.0)
    return 3 if spec.channels >= 3 else 1, max(round(spec.height * scale), 1), max(round(spec.width * scale), 1)


@dataclass(frozen=True)
class Scaling:
    """Images at rest -> (N, channels, height, width), with `mean` and `deviation` of the data on 0..255."""

    channels: int
    height: int
    width: int
    mean: float = 0.0
    deviation: float = 1.0

    def __call__(self, images: Tensor, spec: DataSpec) -> Tensor:
        x = on_255(images, spec)
        if x.shape[1] != self.channels:
            x = x.mean(dim=1, keepdim=True).expand(-1, self.channels, -1, -1)
        if x.shape[-2:] != (self.height, self.width):
            x = F.interpolate(x, (self.height, self.width), mode="bilinear", antialias=True)
        return (x - self.mean) / self.deviation
