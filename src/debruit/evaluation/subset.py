"""Random subsets that are the same for the same seed."""

import numpy as np

from debruit.rng import Purpose, stream


def shuffled(indices: np.ndarray, purpose: Purpose, seed: int, *, most: int | None = None) -> np.ndarray:
    """The indices in random order, at most `most` of them, by the random stream of this name."""
    return indices[stream(purpose, seed).permutation(len(indices))[:most]]
