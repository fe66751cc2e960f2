"""Random subsets that are the same for the same seed."""

import numpy as np
import torch

from debruit.sampling.noise import generator


def shuffled(indices: np.ndarray, *key: int, most: int | None = None) -> np.ndarray:
    """The indices in random order, at most `most` of them, by the random stream of this key."""
    order = torch.randperm(len(indices), generator=generator(*key)).numpy()
    return indices[order[:most]]
