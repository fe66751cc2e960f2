"""What the images that a training draws for its own use are conditioned on: its previews, and those that the alarm on copies looks at."""

import numpy as np
import torch

from debruit.conditioning.asked import Asked
from debruit.data.dataset import Dataset
from debruit.data.split import split_of
from debruit.training.batches import values
from debruit.training.run import Run


def conditions(run: Run, dataset: Dataset, count: int, device: torch.device) -> Asked:
    """Of `count` images: classes in turn where there is no other condition, else what held-out images have, the same each time."""
    conditioners = run.model.conditioners
    found = {c.field: c.in_turn(range(count)) for c in conditioners}
    if any(value is None for value in found.values()):
        pool, held_out = split_of(dataset, run).sides
        found = values(conditioners, dataset, np.resize(held_out if len(held_out) else pool, count))
    keep = {name: torch.ones(count, dtype=torch.bool, device=device) for name in found}
    return Asked({name: value.to(device) for name, value in found.items() if value is not None}, keep)
