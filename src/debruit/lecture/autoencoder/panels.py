"""Panels of an autoencoder, each a pure function of a study.

x^ = D(E(x))      z = (h - shift) / scale ~ N(mean, std^2)      D(z with z_c = 0)      D((1 - l) z_a + l z_b)
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from debruit.autoencoders.fidelity import psnr, ssim
from debruit.lecture.autoencoder.study import CodecStudy

POSITIONS = 21  # of the slider: l = 0, 0.05, ..., 1


@dataclass(frozen=True, kw_only=True)
class Reconstruction:
    """The image, its reconstruction and their difference, (C, H, W) in [-1, 1]; PSNR in dB, SSIM."""

    x: Tensor
    decoded: Tensor
    psnr: float
    ssim: float

    @property
    def difference(self) -> Tensor:
        return self.decoded - self.x


@dataclass(frozen=True, kw_only=True)
class Channels:
    """The distribution of the latent, (c, h, w): `mean`, and `std` where the encoder has one."""

    mean: Tensor
    std: Tensor | None

    @property
    def level(self) -> Tensor:
        """The mean of each channel over its positions, (c,)."""
        return self.mean.flatten(1).mean(1)

    @property
    def spread(self) -> Tensor:
        """The standard deviation of each channel over its positions, (c,)."""
        return self.mean.flatten(1).std(1, correction=0)


@dataclass(frozen=True, kw_only=True)
class Ablation:
    """Row c: the image decoded without channel c, (c, C, H, W), and its root mean square distance from the full
    reconstruction, as a share of the range, (c,).
    """

    decoded: Tensor
    change: Tensor


@dataclass(frozen=True, kw_only=True)
class Interpolation:
    """K positions from the image to the other one: `weights` l (K,), the decoded mixture of the two latents, and the
    mixture of the two images, (K, C, H, W) each.
    """

    weights: Tensor
    decoded: Tensor
    mixed: Tensor


def reconstruction(study: CodecStudy) -> Reconstruction:
    """Encode and decode the image, by the mean of the latent."""
    decoded = study.decode(study.moments.mean)
    a, b = (study.x + 1) / 2, (decoded + 1) / 2
    scores = {"psnr": float(psnr(a, b, value_range=1)), "ssim": float(ssim(a, b, value_range=1))}
    return Reconstruction(x=study.x[0], decoded=decoded[0], **scores)


def channels(study: CodecStudy) -> Channels:
    """Return the latent of the image, normalised over the training images."""
    mean, std = study.moments.mean, study.moments.std
    return Channels(mean=mean[0].float().cpu(), std=None if std is None else std[0].float().cpu())


def ablation(study: CodecStudy) -> Ablation:
    """Set each channel in turn to 0, its mean over the training images."""
    z, whole = study.moments.mean, study.decode(study.moments.mean)
    count = z.shape[1]
    keep = 1 - torch.eye(count, device=z.device, dtype=z.dtype)[:, :, None, None]
    decoded = torch.cat([study.decode(z * row) for row in keep.split(1)])
    return Ablation(decoded=decoded, change=((decoded - whole) / 2).square().flatten(1).mean(1).sqrt())


def interpolation(study: CodecStudy, *, positions: int = POSITIONS) -> Interpolation:
    """Interpolate linearly between two latents, and between the two images for comparison."""
    weights = torch.linspace(0, 1, positions)
    a, b = study.moments.mean, study.stage.encode(study.other.image).mean
    decoded = torch.cat([study.decode(torch.lerp(a, b, float(w))) for w in weights])
    x, y = study.x, study.stage.config.data.to_model(study.other.image)
    mixed = torch.cat([torch.lerp(x, y, float(w)) for w in weights])
    return Interpolation(weights=weights, decoded=decoded, mixed=mixed)
