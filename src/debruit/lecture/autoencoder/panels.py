"""The panels of an autoencoder, each a pure function of a study.

x^ = D(E(x))      z = (h - shift) / scale ~ N(mean, std^2)      D(z with z_c = 0)      D((1 - l) z_a + l z_b)
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from debruit.autoencoders.fidelity import psnr, ssim
from debruit.lecture.autoencoder.study import CodecStudy

POSITIONS = 21  # of the slider: l = 0, 0.05, ..., 1


@dataclass(frozen=True, kw_only=True)
class Passage:
    """The image, what came back and the difference of the two, (C, H, W) in [-1, 1] (the difference in [-2, 2]); PSNR in dB, SSIM."""

    x: Tensor
    decoded: Tensor
    psnr: float
    ssim: float

    @property
    def difference(self) -> Tensor:
        return self.decoded - self.x


@dataclass(frozen=True, kw_only=True)
class Channels:
    """The law of the latent, (c, h, w): `mean`, and `std` where the encoder has one."""

    mean: Tensor
    std: Tensor | None

    @property
    def level(self) -> Tensor:
        """The mean of each channel over its places, (c,)."""
        return self.mean.flatten(1).mean(1)

    @property
    def spread(self) -> Tensor:
        """The standard deviation of each channel over its places, (c,)."""
        return self.mean.flatten(1).std(1, correction=0)


@dataclass(frozen=True, kw_only=True)
class Silenced:
    """Row c: the image decoded without channel c, (c, C, H, W), and how far that is from the whole, as a share of the range (root of the mean
    square), (c,)."""

    decoded: Tensor
    change: Tensor


@dataclass(frozen=True, kw_only=True)
class Between:
    """K positions from the image to the other one: `weights` l (K,), the decoded mixture of the two latents, and the mixture of the two images,
    (K, C, H, W) each."""

    weights: Tensor
    decoded: Tensor
    mixed: Tensor


def passage(study: CodecStudy) -> Passage:
    """There and back, by the mean of the latent."""
    decoded = study.decode(study.law.mean)
    a, b = (study.x + 1) / 2, (decoded + 1) / 2
    return Passage(
        x=study.x[0], decoded=decoded[0], psnr=float(psnr(a, b, value_range=1)), ssim=float(ssim(a, b, value_range=1))
    )  # fmt: skip


def channels(study: CodecStudy) -> Channels:
    """The latent of the image, normalised over the training images."""
    law = study.law
    return Channels(mean=law.mean[0].float().cpu(), std=None if law.std is None else law.std[0].float().cpu())


def silenced(study: CodecStudy) -> Silenced:
    """Each channel in turn at 0, its mean over the training images."""
    z, whole = study.law.mean, study.decode(study.law.mean)
    count = z.shape[1]
    keep = 1 - torch.eye(count, device=z.device, dtype=z.dtype)[:, :, None, None]
    decoded = torch.cat([study.decode(z * row) for row in keep.split(1)])
    return Silenced(decoded=decoded, change=((decoded - whole) / 2).square().flatten(1).mean(1).sqrt())


def between(study: CodecStudy, *, positions: int = POSITIONS) -> Between:
    """From one latent to another in a straight line, beside the same line between the images."""
    weights = torch.linspace(0, 1, positions)
    a, b = study.law.mean, study.stage.encode(study.other.image).mean
    decoded = torch.cat([study.decode(torch.lerp(a, b, float(w))) for w in weights])
    x, y = study.x, study.stage.config.data.to_model(study.other.image)
    mixed = torch.cat([torch.lerp(x, y, float(w)) for w in weights])
    return Between(weights=weights, decoded=decoded, mixed=mixed)
