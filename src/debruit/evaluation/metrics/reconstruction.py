"""What an autoencoder loses: PSNR and SSIM of decoded images against the originals. (Its rFD is `frechet` of the two sets' features.)

PSNR = 10 log10(L^2 / MSE)  dB,  L the range of the data; averaged over images
"""

import numpy as np
import torch
from torch import Tensor

from debruit.autoencoders.fidelity import psnr, ssim
from debruit.data.dataset import DataSpec
from debruit.errors import InputError
from debruit.evaluation.metrics.values import unit
from debruit.evaluation.score import Score, bootstrap

BATCH = 64


def reconstruction(images: Tensor, decoded: Tensor, spec: DataSpec) -> list[Score]:
    """Mean PSNR and SSIM of images at rest (N, C, H, W) and what became of them. Images that came back exactly, whose PSNR is infinite, are
    left out of its mean and counted in its note. InputError: other shapes."""
    if images.shape != decoded.shape or not len(images):
        raise InputError(
            f"the images have the shape {tuple(images.shape)} and the decoded ones {tuple(decoded.shape)}: give them in pairs"
        )
    pairs = [(unit(a, spec), unit(b, spec)) for a, b in zip(images.split(BATCH), decoded.split(BATCH), strict=True)]
    decibels = torch.cat([psnr(a, b, value_range=1) for a, b in pairs]).numpy()
    similar = torch.cat([ssim(a, b, value_range=1) for a, b in pairs]).numpy()
    finite = np.isfinite(decibels)
    exact = int((~finite).sum())
    note = f"{exact:,} of {len(decibels):,} images came back exactly and are left out" if exact else ""
    return [
        _mean(decibels[finite], name="psnr", label="PSNR", unit="dB", note=note)
        if finite.any()
        else Score(name="psnr", label="PSNR", value=np.inf, count=exact, better="high", unit="dB", note="all images came back exactly"),
        _mean(similar, name="ssim", label="SSIM"),
    ]  # fmt: skip


def _mean(values: np.ndarray, *, name: str, label: str, unit: str = "", note: str = "") -> Score:
    value = float(values.mean())
    low, high = bootstrap(lambda i: float(values[i].mean()), len(values), value=value)
    return Score(
        name=name, label=label, value=value, low=low, high=high, count=len(values), better="high", unit=unit, note=note
    )
