"""What every panel of an autoencoder looks at: the autoencoder, an image, and a second one to go to."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor

from debruit.autoencoders.codec import Moments
from debruit.data.dataset import quiet
from debruit.errors import InputError
from debruit.lecture.example import Example, from_file, held_out
from debruit.models.autoencoder import FirstStage


@dataclass(frozen=True)
class CodecStudy:
    """`subject` is the image that is explained, `other` the one that its latent is led to."""

    stage: FirstStage
    subject: Example
    other: Example

    @cached_property
    def law(self) -> Moments:
        """q(z|x) of the image, (1, c, h, w), on the autoencoder's device."""
        return self.stage.encode(self.subject.image)

    @property
    def x(self) -> Tensor:
        """The image in [-1, 1], (1, C, H, W), on the CPU."""
        return self.stage.config.data.to_model(self.subject.image)

    @torch.no_grad()
    def decode(self, z: Tensor) -> Tensor:
        """Latents (N, c, h, w) as images in [-1, 1], (N, C, H, W), on the CPU."""
        size = (self.subject.image.shape[2], self.subject.image.shape[3])
        return self.stage.module.decode(z, size).float().clamp(-1, 1).cpu()


def begin(
    stage: FirstStage,
    image: str | Path | None = None,
    *,
    path: str | Path | None = None,
    data: str | Sequence[str] | None = None,
    seed: int = 0,
    say: Callable[[str], None] = quiet,
) -> CodecStudy:
    """A study of an autoencoder (loaded from `path`, by which its training data is found, unless `data` says
    where that lies) on an image file, or on a held-out image of that data.
    The second image is another held-out one, or the mirror image of the first where the data is not at hand.

    InputError: an image that cannot be read; none given, and none to be found.
    """
    place = None if path is None else Path(path)
    if image is not None:
        subject = from_file(Path(image), stage.config.data)
    else:
        subject = held_out(stage, place, data=data, seed=seed, say=say)
        if subject is None:
            raise InputError(
                "an autoencoder draws no image by itself, and its training data is not at hand: give --image FILE"
            )
    other = held_out(stage, place, data=data, seed=seed + 1)
    if other is None or torch.equal(other.image, subject.image):
        origin = "its mirror image", "son image en miroir"
        other = replace(subject, image=subject.image.flip(-1), origin=origin)
    return CodecStudy(stage, subject, other)
