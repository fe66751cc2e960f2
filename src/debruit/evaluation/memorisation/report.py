"""Memorisation: the nearest training images of each sample, compared with those of held-out images.

The distance to the nearest training image alone says little, since plain images are near to everything. It is
calibrated by the sample's own neighbourhood (after Carlini et al. 2023, section 4.2),

    ratio = distance to the nearest training image / mean distance to the k nearest,

0 for a duplicate, near 1 if no neighbour stands out. A near copy has a ratio below THRESHOLD. Data contain
near-duplicates of their own, so held-out images are measured in the same way: their rate of near copies is the
baseline, and only the excess over it is evidence. Distances are those of pixels (thumbnails of at most 32 pixels a
side), and of the features of a network if they are given. A model that was trained on mirrored images as well may copy
those: on pixels the distance is then the smaller of those of the image and of its mirror image, for samples and
held-out images alike.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from debruit.data.dataset import Dataset
from debruit.errors import InputError
from debruit.evaluation.memorisation.nearest import (
    ROWS,
    Neighbours,
    identical,
    mirror_columns,
    nearest,
    pieces,
    thumbnail_blocks,
    thumbnails,
)
from debruit.evaluation.memorisation.verdict import Rate, level, verdict
from debruit.images.figures import displayable, grid
from debruit.metrics.score import Score

NEIGHBOURS = 50
PIXELS = "pixels"  # the label of the view that is always there
# below it lie under 1 % of held-out images of fashion-mnist and digits, and most copies with noise of 5 % of the range
THRESHOLD = 1 / 3


@dataclass(frozen=True, kw_only=True)
class Features:
    """Features of the samples (n, D), of the training images (N, D), in the order of their indices, and of the held-out
    images (m, D); `label` names the network."""

    label: str
    samples: np.ndarray
    training: np.ndarray
    held_out: np.ndarray


@dataclass(frozen=True, kw_only=True)
class View:
    """The neighbours of samples and of held-out images by one measure ("pixels", or a network's label)."""

    label: str
    samples: Neighbours
    held_out: Neighbours

    @property
    def rate(self) -> Rate:
        """Near copies among the samples."""
        return Rate(int((self.samples.ratio < THRESHOLD).sum()), len(self.samples.ratio))

    @property
    def baseline(self) -> Rate:
        """Images as near among those held out."""
        return Rate(int((self.held_out.ratio < THRESHOLD).sum()), len(self.held_out.ratio))


@dataclass(frozen=True, kw_only=True)
class Memorisation:
    """The result. `identical` counts samples, and `identical_baseline` held-out images, that equal a training image;
    `mirrored` says whether mirror images were compared too; `verdict` is text."""

    views: tuple[View, ...]
    identical: Rate
    identical_baseline: Rate
    training: int
    mirrored: bool = False

    @property
    def verdict(self) -> str:
        return verdict(self._looks(), self.identical, self.identical_baseline)

    @property
    def level(self) -> Literal["good", "warning", "unknown"]:
        """How serious the verdict is."""
        return level(self._looks(), self.identical, self.identical_baseline)

    def _looks(self) -> dict[str, tuple[Rate, Rate]]:
        return {view.label: (view.rate, view.baseline) for view in self.views}

    def worst(self, most: int = 16) -> list[int]:
        """Numbers of the samples with the lowest ratio in any view, worst first."""
        lowest = np.min([view.samples.ratio for view in self.views], axis=0)
        return np.argsort(lowest, kind="stable")[:most].tolist()

    def scores(self) -> list[Score]:
        """For each view the rate of near copies and that of the held-out images, with Wilson's 95 % intervals; then the
        identical ones."""
        rows = []
        for view in self.views:
            either = " (or to its mirror image)" if self.mirrored and view.label == PIXELS else ""
            note = (
                f"nearer to one of {self.training:,} training images{either} than a third of the mean distance to the "
                "nearest ones"
            )
            rows.append(_score(f"near copies ({view.label})", view.rate, note))
            if view.baseline.count:
                rows.append(_score(f"held-out images as near ({view.label})", view.baseline, "the baseline"))
        note = "as it is or mirrored left to right" if self.mirrored else ""
        return [*rows, _score("identical to a training image", self.identical, note)]


def memorisation(
    samples: Tensor,
    dataset: Dataset,
    *,
    training: np.ndarray,
    held_out: np.ndarray,
    features: Sequence[Features] = (),
    neighbours: int = NEIGHBOURS,
    mirrored: bool = False,
) -> Memorisation:
    """Compares samples at rest (n, C, H, W) with the training images of `dataset`. `mirrored`: the model was trained on
    mirror images too.

    Of the data a piece is in memory at a time, then a block of thumbnails; what grows with the counts are the
    thumbnails (at most 4 kB a channel) of the samples and of the held-out images.

    InputError: no samples, fewer than two training images, samples of another shape, features of another number of
    images.
    """
    spec = dataset.spec
    if len(samples) == 0 or samples.shape[1:] != spec.shape:
        raise InputError(
            f"samples of the shape {tuple(samples.shape)} cannot be compared with {spec.name}, whose images are "
            f"{spec.shape}: generate some with a model of this data"
        )
    if len(training) < 2:
        raise InputError(
            f"{len(training)} training images: to find copies takes at least 2; give the data that the model was "
            "trained on"
        )
    n, k = len(samples), min(neighbours, len(training))
    queries = np.concatenate([thumbnails(samples, spec), *thumbnail_blocks(dataset, held_out)])
    mirror = mirror_columns(spec) if mirrored else None
    pixels = _view(PIXELS, queries, thumbnail_blocks(dataset, training), n, training, k, mirror)
    views = [pixels]
    for seen in features:
        if (len(seen.samples), len(seen.training), len(seen.held_out)) != (n, len(training), len(held_out)):
            raise InputError(
                f"the features of {seen.label} are of {len(seen.samples)} samples, {len(seen.training)} training and "
                f"{len(seen.held_out)} held-out images, where {n}, {len(training)} and {len(held_out)} were given: "
                "compute them for the same images"
            )
        rows = (seen.training[start : start + ROWS] for start in range(0, len(training), ROWS))
        views.append(_view(seen.label, np.concatenate([seen.samples, seen.held_out]), rows, n, training, k))
    return Memorisation(
        views=tuple(views),
        identical=Rate(int(identical(samples, dataset, pixels.samples, mirrored=mirrored).sum()), n),
        identical_baseline=_identical_held_out(dataset, held_out, pixels.held_out, mirrored),
        training=len(training),
        mirrored=mirrored,
    )


def contact_sheet(
    samples: Tensor, dataset: Dataset, result: Memorisation, *, most: int = 12, neighbours: int = 4
) -> Image.Image:
    """The samples with the lowest ratio, worst first, a row each: the sample, then its nearest training images."""
    rows = []
    for n in result.worst(most):
        view = min(result.views, key=lambda view: view.samples.ratio[n])
        rows += [samples[n : n + 1], dataset.batch(view.samples.indices[n, :neighbours])["image"]]
    columns = 1 + min(neighbours, result.views[0].samples.indices.shape[1])
    return grid(displayable(torch.cat(rows), dataset.spec), columns=columns)


def _identical_held_out(dataset: Dataset, held_out: np.ndarray, near: Neighbours, mirrored: bool) -> Rate:
    """How many held-out images equal a training image, read a piece at a time."""
    hits, start = 0, 0
    for piece in pieces(held_out, dataset.spec):
        part = near.part(start, start + len(piece))
        hits += int(identical(dataset.batch(piece)["image"], dataset, part, mirrored=mirrored).sum())
        start += len(piece)
    return Rate(hits, len(held_out))


def _view(
    label: str, queries: np.ndarray, blocks: Iterator[np.ndarray], samples: int, training, k: int, mirror=None
) -> View:
    """The neighbours of the queries, whose first are samples and the others held-out images."""
    near = nearest(queries, blocks, k, mirror=mirror, total=len(training))
    near = Neighbours(indices=training[near.indices], distances=near.distances)
    return View(label=label, samples=near.part(0, samples), held_out=near.part(samples, len(queries)))


def _score(label: str, rate: Rate, note: str) -> Score:
    low, high = rate.interval()
    return Score(
        name="memorisation",
        label=label,
        value=rate.value,
        low=low,
        high=high,
        count=rate.count,
        better="low",
        note=note,
    )
