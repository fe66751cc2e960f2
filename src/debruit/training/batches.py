"""What one optimiser step sees: images, their times and noise, their conditions. Everything random in it comes from
(seed, images seen), so a batch can be made by any thread, at any time, again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from torch import Tensor

from debruit.conditioning.base import Conditioner
from debruit.data.dataset import Dataset
from debruit.data.latents import LatentCache
from debruit.data.order import Order
from debruit.data.transforms import flip, flips
from debruit.sampling.noise import generator
from debruit.training.config import Run

NOISE = 4  # key of the random stream


@dataclass(frozen=True)
class Batch:
    """x0 (B, C, H, W) float32, images in [-1, 1] or latents; t (B,) float64; eps like the latents; `values` of the conditions and which images `keep` them;
    `seed` is for what the network itself draws (dropout)."""

    x0: Tensor
    t: Tensor
    eps: Tensor
    values: Mapping[str, Tensor]
    keep: Mapping[str, Tensor]
    seed: int = 0

    def __len__(self) -> int:
        return len(self.x0)

    def part(self, start: int, stop: int, device: torch.device) -> Self:
        """Images start..stop - 1, on the device."""
        move = lambda x: x[start:stop].to(device, non_blocking=True)  # noqa: E731
        return type(self)(
            move(self.x0), move(self.t), move(self.eps),
            {k: move(v) for k, v in self.values.items()}, {k: move(v) for k, v in self.keep.items()}, self.seed,
        )  # fmt: skip


def training_batch(
    run: Run, dataset: Dataset, order: Order, first: int, attempt: int = 0, *, latents: LatentCache | None = None
) -> Batch:
    """Images number first..first + batch - 1 of the training, with times from the objective's density. With `latents` x0 is drawn from the law
    of the images' latents, z = mean + std eps_z."""
    indices, epochs = order.take(first, run.batch)
    mirrored = flips(run.seed, epochs, indices) if run.flip else None
    g = generator(run.seed, NOISE, first, attempt)
    t = run.objective.times(len(indices), run.model.process, g)
    eps = torch.randn((len(indices), *run.model.latent_shape), generator=g)
    keep = {c.field: torch.rand(len(indices), generator=g) >= c.drop for c in run.model.conditioners}
    seed = int(torch.randint(2**32, (), generator=g))
    images = pictures(run, dataset, indices, mirrored, latents)
    x0 = clean(run, images, indices, mirrored, latents, g)
    found = values(run.model.conditioners, dataset, indices, epochs, mirrored, images)
    return Batch(x0, t, eps, found, keep, seed)


def validation_batch(run: Run, dataset: Dataset, indices: np.ndarray, *, latents: LatentCache | None = None) -> Batch:
    """The held-out images with fixed noise, times spread evenly over the density (in an order unrelated to that of the images), and every
    condition kept."""
    g = generator(run.seed, NOISE)
    u = (torch.randperm(len(indices), generator=g).double() + 0.5) / len(indices)
    eps = torch.randn((len(indices), *run.model.latent_shape), generator=g)
    keep = {c.field: torch.ones(len(indices), dtype=torch.bool) for c in run.model.conditioners}
    t = run.objective.density.quantile(u, run.model.process)
    images = pictures(run, dataset, indices, None, latents)
    x0 = clean(run, images, indices, None, latents, g)
    return Batch(x0, t, eps, values(run.model.conditioners, dataset, indices, images=images), keep)


def pictures(
    run: Run, dataset: Dataset, indices: np.ndarray, mirrored: np.ndarray | None, latents: LatentCache | None
) -> Tensor | None:
    """Some images at rest, (B, C, H, W); None where latents take their place and no condition is made of them."""
    if latents is not None and all(c.reads != "image" for c in run.model.conditioners):
        return None
    return flip(dataset.images_of(indices), mirrored)


def clean(
    run: Run,
    images: Tensor | None,
    indices: np.ndarray,
    mirrored: np.ndarray | None,
    latents: LatentCache | None,
    g: torch.Generator,
) -> Tensor:
    """x_0 of some images, (B, C, H, W): as the model sees pixels, or a draw of their latents."""
    if latents is None:
        assert images is not None
        return run.data.to_model(images)
    moments = latents.batch(indices, mirrored)
    return moments.sample(torch.randn((len(indices), *run.model.latent_shape), generator=g))


def values(
    conditioners: Sequence[Conditioner],
    dataset: Dataset,
    indices: np.ndarray,
    epochs: np.ndarray | None = None,
    mirrored: np.ndarray | None = None,
    images: Tensor | None = None,
) -> dict[str, Tensor]:
    """What each conditioner makes of the data, by its field; of mirrored images as they are mirrored. Nothing is read that none of them asks for,
    nor `images`, mirrored already, where they are given."""
    fields = {c.reads for c in conditioners}
    items = dataset.conditions(indices, epochs, fields=fields)
    items |= {name: flip(items[name], mirrored) for name in ("mask", "first") if name in items}
    if "image" in fields:
        items["image"] = flip(dataset.images_of(indices), mirrored) if images is None else images
    return {c.field: c.read(items) for c in conditioners}
