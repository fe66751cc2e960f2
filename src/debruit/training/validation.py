"""The loss on held-out images, and on as many training images, with fixed noise.

Values are comparable over a training and between the two sets, since the noise and the times are the same.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import torch

from debruit.data.dataset import Dataset
from debruit.data.latents import LatentCache
from debruit.data.subset import random_subset
from debruit.models.config import Backbone
from debruit.rng import Purpose
from debruit.training.batches import validation_batch
from debruit.training.config import Run
from debruit.training.optim.gradient import losses


@dataclass(frozen=True)
class Validation:
    """Mean loss over some images, and its `parts` by their names in the log.

    For a diffusion model these are loss_q1 to loss_q4, the means over the quarters of the training's density over t,
    from least noise to most.
    """

    loss: float
    parts: Mapping[str, float] = field(default_factory=dict)


@torch.inference_mode()
def validate(
    backbone: Backbone,
    run: Run,
    dataset: Dataset,
    indices: np.ndarray,
    device: torch.device,
    *,
    latents: LatentCache | None = None,
) -> Validation:
    """Return the loss of these weights on the images of these indices. Costs one forward pass per image."""
    batch = validation_batch(run, dataset, indices, latents=latents)
    image_losses = torch.cat(
        [
            losses(run, backbone, backbone, batch.part(start, start + run.batch, device), device).cpu()
            for start in range(0, len(batch), run.batch)
        ]
    )
    by_time = image_losses[torch.argsort(batch.t)]
    quarters = {f"loss_q{k}": float(part.mean()) for k, part in enumerate(by_time.tensor_split(4), start=1)}
    return Validation(float(image_losses.mean()), quarters)


def training_sample(pool: np.ndarray, held_out: np.ndarray, seed: int) -> np.ndarray:
    """Return as many training images as are held out, sampled by the seed: the same ones at each call."""
    return random_subset(pool, Purpose.VALIDATION_TRAINING, seed, len(held_out))
