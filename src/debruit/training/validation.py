"""The loss on held-out images, and on as many training images, with fixed noise: comparable from one moment of a training to the next, and
with each other, since both meet the same noise at the same times."""

from dataclasses import dataclass

import numpy as np
import torch

from debruit.data.dataset import Dataset
from debruit.model import Backbone
from debruit.sampling.noise import generator
from debruit.training.batches import validation_batch
from debruit.training.gradient import losses
from debruit.training.run import Run

BESIDE = 5  # key of the random stream


@dataclass(frozen=True)
class Validation:
    """Mean loss over some images, and its means over the quarters of the training's density over t, from the least noise to the most."""

    loss: float
    quartiles: tuple[float, float, float, float]


@torch.inference_mode()
def validate(backbone: Backbone, run: Run, dataset: Dataset, indices: np.ndarray, device: torch.device) -> Validation:
    """The loss of these weights on the images of these indices. Costs one forward pass each."""
    batch = validation_batch(run, dataset, indices)
    found = torch.cat(
        [
            losses(run, backbone, backbone, batch.part(start, start + run.batch, device), device).cpu()
            for start in range(0, len(batch), run.batch)
        ]
    )
    by_time = found[torch.argsort(batch.t)]
    q1, q2, q3, q4 = (float(part.mean()) for part in by_time.tensor_split(4))
    return Validation(float(found.mean()), (q1, q2, q3, q4))


def beside(pool: np.ndarray, held_out: np.ndarray, seed: int) -> np.ndarray:
    """As many training images as are held out, drawn by the seed: the same ones each time."""
    order = torch.randperm(len(pool), generator=generator(seed, BESIDE)).numpy()
    return np.sort(pool[order[: len(held_out)]])
