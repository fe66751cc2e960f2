"""The loss on held-out images with fixed noise: comparable from one moment of a training to the next."""

from dataclasses import dataclass

import numpy as np
import torch

from debruit.data.dataset import Dataset
from debruit.model import Backbone
from debruit.training.batches import validation_batch
from debruit.training.gradient import losses
from debruit.training.run import Run


@dataclass(frozen=True)
class Validation:
    """Mean loss, and its means over the quarters of the training's density over t, from the least noise to the most."""

    loss: float
    quartiles: tuple[float, float, float, float]


@torch.inference_mode()
def validate(backbone: Backbone, run: Run, dataset: Dataset, held_out: np.ndarray, device: torch.device) -> Validation:
    """The loss of these weights on the held-out images. Costs one forward pass each."""
    batch = validation_batch(run, dataset, held_out)
    found = torch.cat(
        [
            losses(run, backbone, backbone, batch.part(start, start + run.batch, device), device).cpu()
            for start in range(0, len(batch), run.batch)
        ]
    )
    by_time = found[torch.argsort(batch.t)]
    q1, q2, q3, q4 = (float(part.mean()) for part in by_time.tensor_split(4))
    return Validation(float(found.mean()), (q1, q2, q3, q4))
