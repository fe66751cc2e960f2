"""Random subsets that are the same for the same seed."""

import numpy as np

from debruit.rng import Purpose, stream


def shuffled(indices: np.ndarray, purpose: Purpose, seed: int, *, most: int | None = None) -> np.ndarray:
    """Return the indices in random order, at most `most` of them, by the random stream of this name."""
    return indices[stream(purpose, seed).permutation(len(indices))[:most]]


def random_subset(indices: np.ndarray, purpose: Purpose, seed: int, most: int) -> np.ndarray:
    """Return at most `most` of the indices, chosen as by `shuffled`, in rising order."""
    return np.sort(shuffled(indices, purpose, seed, most=most))
