"""Batches: the images of one optimiser step with their times, noise and conditions.

Everything random about an example is a function of (seed, its position in the training, roll-backs so far), so any
thread or device can make any part of a batch, at any time, again.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from torch import Tensor

from debruit.conditioning.items import values_of
from debruit.data.dataset import Dataset
from debruit.data.latents import LatentCache
from debruit.data.order import Order
from debruit.data.transforms import flip, flips
from debruit.data.windows import windows
from debruit.rng import Purpose, Stream, stream
from debruit.training.config import Run


@dataclass(frozen=True)
class Batch:
    """One batch. `x0` (B, C, *S) float32: images in [-1, 1] or latents; `t` (B,) float64 in [0, 1]; `eps` like `x0`.

    `values` are those of the conditions, (B, ...) each, and `keep` (B,) bool is false where a condition is dropped.
    `keys` (B,) uint64 seed what the network itself samples (dropout).
    """

    x0: Tensor
    t: Tensor
    eps: Tensor
    values: Mapping[str, Tensor]
    keep: Mapping[str, Tensor]
    keys: np.ndarray

    def __len__(self) -> int:
        return len(self.x0)

    def part(self, start: int, stop: int, device: torch.device) -> Self:
        """Return images start..stop - 1, on the device."""
        move = lambda x: x[start:stop].to(device, non_blocking=True)  # noqa: E731
        return type(self)(
            move(self.x0),
            move(self.t),
            move(self.eps),
            {k: move(v) for k, v in self.values.items()},
            {k: move(v) for k, v in self.keep.items()},
            self.keys[start:stop],
        )


def training_batch(
    run: Run, dataset: Dataset, order: Order, first: int, attempt: int = 0, *, latents: LatentCache | None = None
) -> Batch:
    """Return images first..first + batch - 1 of the training, with times from the density of the objective.

    With `latents`, x0 is sampled from the distribution of the images' latents, z = mean + std eps_z.
    """
    indices, epochs = order.take(first, run.batch)
    count, model = len(indices), run.step_model
    conditioners, shape = model.conditioners, model.latent_shape

    def random(purpose: Purpose) -> Stream:
        return stream(purpose, run.seed, attempt)

    mirrored = flips(run.seed, first, count) if run.flip else None
    t = run.objective.times(run.model.process, random(Purpose.TIME), first, count)
    eps = random(Purpose.NOISE).normal_rows(first, count, shape)
    u = random(Purpose.DROP).uniform_rows(first, count, len(conditioners))
    keep = {c.name: u[:, n] >= c.drop for n, c in enumerate(conditioners)}
    keys = random(Purpose.DROPOUT).word_rows(first, count)[:, 0]
    images = images_at_rest(run, dataset, indices, mirrored, latents)
    if run.crop and images is not None:
        images = windows(images, run.crop, run.seed, first, purpose=Purpose.CROP)
    noise = None if latents is None else random(Purpose.LATENT).normal_rows(first, count, shape)
    x0 = clean(run, images, indices, mirrored, latents, noise)
    values = values_of(model, conditioners, dataset, indices, epochs=epochs, mirrored=mirrored, images=images)
    values = {c.name: c.degraded(values[c.name], random(Purpose.DEGRADE), first) for c in conditioners}
    return Batch(x0, t, eps, values, keep, keys)


def validation_batch(run: Run, dataset: Dataset, indices: np.ndarray, *, latents: LatentCache | None = None) -> Batch:
    """Return held-out images with fixed noise and every condition kept.

    The times are spread evenly over the density of the objective, in an order unrelated to that of the images.
    """
    count, model = len(indices), run.step_model
    conditioners, shape = model.conditioners, model.latent_shape

    def random(purpose: Purpose) -> Stream:
        return stream(purpose, run.seed)

    u = (torch.from_numpy(random(Purpose.VALIDATION_TIME).permutation(count)).double() + 0.5) / count
    t = run.objective.density.quantile(u, run.model.process)
    eps = random(Purpose.VALIDATION_NOISE).normal_rows(0, count, shape)
    keep = {c.name: torch.ones(count, dtype=torch.bool) for c in conditioners}
    images = images_at_rest(run, dataset, indices, None, latents)
    if run.crop and images is not None:
        images = windows(images, run.crop, run.seed, 0, purpose=Purpose.VALIDATION_CROP)
    noise = None if latents is None else random(Purpose.VALIDATION_LATENT).normal_rows(0, count, shape)
    x0 = clean(run, images, indices, None, latents, noise)
    keys = np.zeros(count, np.uint64)  # nothing is dropped
    values = values_of(model, conditioners, dataset, indices, images=images)
    return Batch(x0, t, eps, values, keep, keys)


def images_at_rest(
    run: Run, dataset: Dataset, indices: np.ndarray, mirrored: np.ndarray | None, latents: LatentCache | None
) -> Tensor | None:
    """Return images at rest, (B, C, *S); None if latents replace them and no condition is made of them."""
    if latents is not None and all(c.item != "image" for c in run.model.conditioners):
        return None
    return flip(dataset.images_of(indices), mirrored)


def clean(
    run: Run,
    images: Tensor | None,
    indices: np.ndarray,
    mirrored: np.ndarray | None,
    latents: LatentCache | None,
    noise: Tensor | None,
) -> Tensor:
    """Return x_0 of a batch, (B, C, *S): pixels as the model sees them, or a sample of the latents by `noise`."""
    if latents is None or noise is None:
        assert images is not None
        return run.data.to_model(images)
    return latents.batch(indices, mirrored).sample(noise)
