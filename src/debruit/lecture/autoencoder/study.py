"""Input of every panel of an autoencoder: the autoencoder, an image, and a second image to interpolate to."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor

from debruit import events
from debruit.autoencoders.codec import Moments
from debruit.errors import InputError
from debruit.lecture.example import Example, from_file, held_out
from debruit.models.autoencoder import FirstStage


@dataclass(frozen=True)
class CodecStudy:
    """`example` is the image that is explained, `other` the end of the interpolation."""

    stage: FirstStage
    example: Example
    other: Example

    @cached_property
    def moments(self) -> Moments:
        """Mean and standard deviation of q(z|x) of the image, (1, c, h, w), on the autoencoder's device."""
        return self.stage.encode(self.example.image)

    @property
    def x(self) -> Tensor:
        """The image in [-1, 1], (1, C, H, W), on the CPU."""
        return self.stage.config.data.to_model(self.example.image)

    @torch.no_grad()
    def decode(self, z: Tensor) -> Tensor:
        """Decode latents (N, c, h, w) to images in [-1, 1], (N, C, H, W), on the CPU."""
        size = (self.example.image.shape[2], self.example.image.shape[3])
        return self.stage.module.decode(z, size).float().clamp(-1, 1).cpu()


def begin(
    stage: FirstStage,
    image: str | Path | None = None,
    *,
    path: str | Path | None = None,
    data: str | Sequence[str] | None = None,
    seed: int = 0,
) -> CodecStudy:
    """Begin a study of an autoencoder on an image file, or on a held-out image of its training data.

    The training data is found by `path`, where the autoencoder was loaded from, or given by `data`. The second image is
    another held-out one, or the mirror image of the first where the data is not available.

    InputError: an image that cannot be read; none given and none available.
    """
    origin = None if path is None else Path(path)
    if image is not None:
        example = from_file(Path(image), stage.config.data)
    else:
        example = held_out(stage, origin, data=data, seed=seed)
        if example is None:
            raise InputError(
                "an autoencoder cannot sample images, and its training data is not available: give --image FILE"
            )
    with events.listen(lambda event: None):  # the first search has reported what it found
        other = held_out(stage, origin, data=data, seed=seed + 1)
    if other is None or torch.equal(other.image, example.image):
        mirrored = "its mirror image", "son image en miroir"
        other = replace(example, image=example.image.flip(-1), origin=mirrored)
    return CodecStudy(stage, example, other)
