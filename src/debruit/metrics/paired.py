"""Differences of two models' scores, paired by image: both drew image k from the same noise, so what they have in
common cancels.

contributions: psi_k of sample k to a score, to first order       difference = score_b - score_a, spread = that of psi_b
- psi_a
pairs:         d_ij of the samples i and j, for a mean over pairs     the same, where pairs that share a sample go up
and down together
groups:        the score with each of G groups of samples left out  the same by the jackknife, for scores that have no
contributions
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from debruit.metrics.interval import NORMAL
from debruit.metrics.score import Score, bootstrap
from debruit.rng import Purpose, stream

GROUPS = 10
STUDENT = 2.262  # 97.5 % quantile of Student's distribution with GROUPS - 1 degrees of freedom


@dataclass(frozen=True, kw_only=True)
class Difference:
    """A score less the first model's, with its 95 % interval. `better` is the score's good direction."""

    value: float
    low: float
    high: float
    better: Literal["low", "high", "neither"]

    @property
    def certain(self) -> bool:
        """Whether the interval leaves out 0."""
        return not self.low <= 0 <= self.high

    @property
    def verdict(self) -> str:
        """ "better", "worse", "other" (where no direction is good) or "even"."""
        if not self.certain:
            return "even"
        if self.better == "neither":
            return "other"
        return "better" if (self.value < 0) == (self.better == "low") else "worse"


def paired(value: float, contributions: np.ndarray, *, better: Literal["low", "high", "neither"]) -> Difference:
    """A difference whose spread is that of the mean of `contributions` (N,), by bootstrap over the samples."""
    mean = float(contributions.mean())
    low, high = bootstrap(lambda i: float(contributions[i].mean()), len(contributions), value=mean)
    return Difference(value=value, low=value + low - mean, high=value + high - mean, better=better)


def jackknife(value: float, left_out: np.ndarray, *, better: Literal["low", "high", "neither"]) -> Difference:
    """A difference from its values (G,) with each group of samples left out in turn (Shao & Wu 1989), Student's
    quantile."""
    groups = len(left_out)
    half = STUDENT * float(np.sqrt((groups - 1) * np.var(left_out)))
    return Difference(value=value, low=value - half, high=value + half, better=better)


def over_pairs(
    value: float, ours: np.ndarray, theirs: np.ndarray, *, better: Literal["low", "high", "neither"]
) -> Difference:
    """A difference of two means over pairs of samples, from rows (P, 3) of i, j and (d_ij - mean) / P for each; the
    pairs need not be the same.

    With a_ij what the pair {i, j} adds to the difference, the variance is the sum of a_ij a_kl over all pairs that
    share a sample (Aronow, Samii & Assenova 2015),
        sum_i (sum_j a_ij)^2 - sum_{i<j} a_ij^2,
    to first order in 1/N: the first term counts each pair with itself twice. Two pairs that share a sample do not go
    against each other in truth, so it is never taken for less than that of independent pairs, sum a_ij^2.
    """
    ends = np.sort(np.concatenate([ours, theirs])[:, :2].astype(np.int64), axis=1)
    count = int(ends.max()) + 1
    known, row = np.unique(ends[:, 0] * count + ends[:, 1], return_inverse=True)
    sums = [
        np.bincount(at, rows[:, 2], minlength=len(known))
        for at, rows in zip(np.split(row, [len(ours)]), (ours, theirs), strict=True)
    ]
    added = sums[0] - sums[1]
    by_sample = sum(np.bincount(end, added, minlength=count) for end in np.divmod(known, count))
    alone = float(np.sum(added**2))
    half = NORMAL * float(np.sqrt(max(float(np.sum(by_sample**2)) - alone, alone)))
    return Difference(value=value, low=value - half, high=value + half, better=better)


def pair_rows(pairs: np.ndarray, distances: np.ndarray) -> np.ndarray:
    """Rows for `over_pairs`, (P, 3), from the pairs (P, 2) and their d_ij (P,)."""
    return np.column_stack([pairs, (distances - distances.mean()) / len(distances)])


def groups(count: int, seed: int = 0) -> list[np.ndarray]:
    """For each group the indices of all the other samples. The groups are random: classes in turn would make each group
    a class."""
    order = stream(Purpose.PAIRED_FOLDS, seed).permutation(count)
    return [np.sort(np.delete(order, np.s_[k::GROUPS])) for k in range(GROUPS)]


def left_out(compute: Callable[[Any, Any], list[Score]], side: Any, reference: Any) -> dict[str, list[float]]:
    """For each score's label its values with each group left out."""
    values_by_label: dict[str, list[float]] = {}
    for others in groups(len(side)):
        for score in compute(side.take(others), reference):
            values_by_label.setdefault(score.label, []).append(score.value)
    return {label: values for label, values in values_by_label.items() if len(values) == GROUPS}
