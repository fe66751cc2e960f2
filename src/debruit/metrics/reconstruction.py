"""The loss of an autoencoder: decoded images against the originals, one by one, and as two sets of features.

PSNR = 10 log10(L^2 / MSE)  dB,  L the range of the data; averaged over images
rFD  = FD(features of the decoded images, features of the originals): both sets are the same images, so that without
loss it is 0 at any number
"""

from typing import Literal

import numpy as np
import torch
from torch import Tensor

from debruit.autoencoders.fidelity import psnr, ssim
from debruit.errors import InputError
from debruit.images.spec import DataSpec
from debruit.metrics.frechet import frechet_distance, influence, moments
from debruit.metrics.interval import around
from debruit.metrics.score import Score, bootstrap
from debruit.metrics.values import unit

BATCH = 64


def reconstruction(images: Tensor, decoded: Tensor, spec: DataSpec) -> list[Score]:
    """Mean PSNR and SSIM of images at rest (N, C, H, W) and their reconstructions. Exact reconstructions, whose
    PSNR is infinite, are left out of its mean and counted in its note. InputError: other shapes."""
    if images.shape != decoded.shape or not len(images):
        raise InputError(
            f"the images have the shape {tuple(images.shape)} and the decoded ones {tuple(decoded.shape)}: give them "
            "in pairs"
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
        else Score(
            name="psnr",
            label="PSNR",
            value=np.inf,
            count=exact,
            better="high",
            unit="dB",
            note="all images came back exactly",
        ),
        _mean(similar, name="ssim", label="SSIM"),
    ]


def perceptual(distances: np.ndarray, *, network: str) -> Score:
    """The mean of the perceptual distances (N,) of images to their reconstructions by `network`
    (autoencoders/losses/perceptual.py)."""
    return _mean(distances.astype(np.float64), name="perceptual", label=f"perceptual-{network}", better="low")


def rfd(decoded: np.ndarray, originals: np.ndarray, *, network: str) -> Score:
    """The Frechet distance of features (N, D) of decoded images to those of their originals, with an interval over the
    choice of images, which changes both sets at once: the contribution of an image is that of both its sides.
    InputError: fewer than 2 images."""
    if len(decoded) != len(originals) or len(decoded) < 2:
        raise InputError(
            f"{len(decoded)} decoded images and {len(originals)} originals: give at least 2 of each, in pairs"
        )
    a, b = moments(decoded), moments(originals)
    value = frechet_distance(a, b)
    low, high = around(value, (influence(decoded, a, b) + influence(originals, b, a)).std() / np.sqrt(len(decoded)))
    few = len(decoded) <= decoded.shape[1]
    note = (
        f"{len(decoded):,} images for {decoded.shape[1]:,} features: compare at equal numbers of images only"
        if few
        else ""
    )
    return Score(
        name="rfd",
        label=f"rFD-{network}",
        value=value,
        low=max(low, 0.0),
        high=high,
        count=len(decoded),
        better="low",
        note=note,
    )


def gap(unseen: Score, seen: Score) -> Score:
    """The score of held-out images minus that of training images, with the interval of a difference of independent
    scores."""
    value = unseen.value - seen.value
    halves = [(s.high - s.low) / 2 for s in (unseen, seen) if s.high is not None and s.low is not None]
    margin = float(np.linalg.norm(halves)) if len(halves) == 2 else None
    return Score(
        name=unseen.name,
        label=unseen.label,
        value=value,
        low=None if margin is None else value - margin,
        high=None if margin is None else value + margin,
        count=unseen.count + seen.count,
        better=unseen.better,
        unit=unseen.unit,
    )


def _mean(
    values: np.ndarray,
    *,
    name: str,
    label: str,
    unit: str = "",
    note: str = "",
    better: Literal["low", "high"] = "high",
) -> Score:
    value = float(values.mean())
    low, high = bootstrap(lambda i: float(values[i].mean()), len(values), value=value)
    return Score(
        name=name, label=label, value=value, low=low, high=high, count=len(values), better=better, unit=unit, note=note
    )
