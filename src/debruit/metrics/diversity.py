"""Diversity of samples: 1 - SSIM, averaged over pairs. A model that repeats one image has 0.

Compare it with the value of the data: it does not measure quality (noise is diverse), and images of one class are
similar.
"""

import numpy as np
import torch
from torch import Tensor

from debruit.autoencoders.fidelity import ssim
from debruit.errors import InputError
from debruit.images.spec import DataSpec
from debruit.metrics.score import Score, bootstrap
from debruit.metrics.values import unit
from debruit.rng import Purpose, stream

PAIRS = 2000
BATCH = 64  # pairs at a time


def diversity(
    images: Tensor, spec: DataSpec, *, labels: np.ndarray | None = None, pairs: int = PAIRS, seed: int = 0
) -> Score:
    """1 - the mean SSIM of `pairs` pairs of images at rest (N, C, H, W), drawn by the seed; with `labels` (N,) of pairs
    within a class, each class as often as it has images. The interval is over the choice of images: a pair counts as
    often as both of its images.

    InputError: fewer than two images, or with labels no class that has two.
    """
    chosen, distances = differences(images, spec, labels=labels, pairs=pairs, seed=seed)
    value = float(distances.mean())

    def weighted(i: np.ndarray) -> float:
        times = np.bincount(i, minlength=len(images))
        weight = times[chosen[:, 0]] * times[chosen[:, 1]]
        return float((weight * distances).sum() / weight.sum()) if weight.any() else value

    low, high = bootstrap(weighted, len(images), value=value)
    where = "within classes" if labels is not None else "among all images"
    return Score(
        name="diversity" if labels is None else "class-diversity",
        label="1 - SSIM" if labels is None else "1 - SSIM within classes",
        value=value,
        low=low,
        high=high,
        count=len(images),
        better="neither",
        note=f"{len(chosen):,} pairs {where}; compare with the data's own",
    )


def differences(
    images: Tensor, spec: DataSpec, *, labels: np.ndarray | None = None, pairs: int = PAIRS, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """The pairs (P, 2) that `diversity` draws, as indices of images, and the 1 - SSIM (P,) of each. The pairs depend on
    the number of images, the labels and the seed alone. InputError as `diversity`."""
    chosen = _pairs(len(images), labels, pairs, stream(Purpose.DIVERSITY_PAIRS, seed).numpy())
    parts = torch.from_numpy(chosen).split(BATCH)
    similar = [ssim(unit(images[p[:, 0]], spec), unit(images[p[:, 1]], spec), value_range=1) for p in parts]
    return chosen, 1 - torch.cat(similar).numpy()


def _pairs(count: int, labels: np.ndarray | None, pairs: int, rng: np.random.Generator) -> np.ndarray:
    """(P, 2) indices of different images, of one class where there are labels."""
    labels = np.zeros(count, np.int64) if labels is None else np.asarray(labels)
    if labels.shape != (count,):
        raise InputError(f"{count} images and labels of shape {labels.shape}: give one label an image")
    order = np.argsort(labels, kind="stable")
    classes, first, sizes = np.unique(labels[order], return_index=True, return_counts=True)
    if sizes.max(initial=0) < 2:
        raise InputError(
            f"diversity compares pairs of images, and none of {len(classes)} classes has two: generate more samples"
        )
    position = np.searchsorted(classes, labels)
    able = np.flatnonzero(sizes[position] > 1)
    one = rng.choice(able, pairs)
    size = sizes[position[one]]
    rank = np.empty(count, np.int64)
    rank[order] = np.arange(count) - np.repeat(first, sizes)
    # another image of the class: any step but a whole round
    other = (rank[one] + rng.integers(1, size)) % size
    return np.stack([one, order[first[position[one]] + other]], axis=1)
