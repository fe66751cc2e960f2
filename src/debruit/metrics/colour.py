"""Colour shift: the mean and the standard deviation of each channel of the samples, compared with those of the data.
Washed-out or tinted samples show here first.

Values are in units of the data's range: 0 is its `low` and 1 its `high`. The spread is the standard deviation over all
pixels of all images.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from debruit.errors import InputError
from debruit.images.spec import DataSpec
from debruit.metrics.score import Score, bootstrap
from debruit.metrics.values import unit

BATCH = 256  # images at a time
NAMES = {1: ("grey",), 3: ("red", "green", "blue")}


@dataclass(frozen=True)
class ChannelMoments:
    """For each image and channel, the mean of its values and of their squares: (N, C) each, float64, in units of the
    range."""

    first: np.ndarray
    second: np.ndarray

    @property
    def mean(self) -> np.ndarray:
        """(C,) over all images."""
        return self.first.mean(axis=0)

    @property
    def spread(self) -> np.ndarray:
        """(C,) over all pixels of all images."""
        return self.spread_of(np.arange(len(self.first)))

    def spread_of(self, images: np.ndarray) -> np.ndarray:
        """(C,) over all pixels of these images."""
        first, second = self.first[images].mean(axis=0), self.second[images].mean(axis=0)
        return np.sqrt(np.maximum(second - first**2, 0.0))


def channel_moments(images: Tensor | Iterable[Tensor], spec: DataSpec) -> ChannelMoments:
    """The moments of images at rest (N, C, H, W), or of batches of them, so that a data set need not be in memory."""
    batches = images.split(BATCH) if isinstance(images, Tensor) else images
    first, second = [], []
    for batch in batches:
        values = unit(batch, spec)
        first.append(values.mean(dim=(2, 3)).numpy())
        second.append(values.square().mean(dim=(2, 3)).numpy())
    return ChannelMoments(np.concatenate(first), np.concatenate(second))


def colour_shift(samples: ChannelMoments, data: ChannelMoments) -> list[Score]:
    """For each channel the difference of the means and of the standard deviations, samples minus data; the notes hold
    both values. The best is 0.

    InputError: samples and data of different numbers of channels.
    """
    count, channels = samples.first.shape
    if channels != data.first.shape[1]:
        raise InputError(
            f"the samples have {channels} channels and the data {data.first.shape[1]}: compare with the model's own "
            "data"
        )
    names, scores = NAMES.get(channels, tuple(f"channel {k}" for k in range(channels))), []
    for k, name in enumerate(names):
        for what, of, ours, theirs in (
            ("mean", lambda i, k=k: float(samples.first[i, k].mean()), samples.mean[k], data.mean[k]),
            ("spread", lambda i, k=k: float(samples.spread_of(i)[k]), samples.spread[k], data.spread[k]),
        ):
            low, high = bootstrap(lambda i, of=of, theirs=theirs: of(i) - theirs, count, value=float(ours - theirs))
            scores.append(
                Score(
                    name=f"colour-{what}-{name.replace(' ', '-')}",
                    label=f"{what} of {name}: samples less data",
                    value=float(ours - theirs),
                    low=low,
                    high=high,
                    count=count,
                    unit="of the range",
                    note=f"samples {ours:.3f}, data {theirs:.3f}",
                )
            )
    return scores
