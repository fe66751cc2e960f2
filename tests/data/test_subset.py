"""Subsets are chosen by the seed and the name of their random stream."""

import numpy as np

from debruit.data.subset import random_subset, shuffled
from debruit.rng import Purpose, stream


def test_a_subset_is_the_beginning_of_the_shuffled_indices():
    indices = np.arange(100, 130)
    order = stream(Purpose.COPY_ALARM, 5).permutation(30)
    assert shuffled(indices, Purpose.COPY_ALARM, 5).tolist() == indices[order].tolist()
    assert random_subset(indices, Purpose.COPY_ALARM, 5, 7).tolist() == sorted(indices[order[:7]].tolist())
    assert random_subset(indices, Purpose.COPY_ALARM, 5, 40).tolist() == indices.tolist()
    assert random_subset(indices, Purpose.COPY_ALARM, 5, 0).tolist() == []
    other = random_subset(indices, Purpose.VALIDATION_TRAINING, 5, 7)
    assert other.tolist() != random_subset(indices, Purpose.COPY_ALARM, 5, 7).tolist()
