"""Quality and variety, measured separately: precision and recall (Kynkaanniemi et al. 2019), density and coverage
(Naeem et al. 2020).

Each set of features stands for the union of balls about its points, which reach to the point's k-th neighbour within
the set:
    precision  the share of samples in a ball of the reference          are the samples plausible?
    recall     the share of the reference in a ball of the samples      is all the data within reach?
    density    the mean number of reference balls about a sample, / k   as precision, but not won by outliers' large
    balls
    coverage   the share of reference balls that hold a sample          as recall, but not won by the samples' own
    outliers
All depend on the number of points: compare at equal counts, best with as many reference images as samples.
"""

from dataclasses import dataclass

import numpy as np

from debruit.errors import InputError
from debruit.metrics.checks import check_pair
from debruit.metrics.interval import jackknife, proportion
from debruit.metrics.neighbours import SLACK, blocks, radii, squared_norms
from debruit.metrics.score import Score, bootstrap
from debruit.rng import Purpose, stream

GROUPS = 20  # of samples, for the intervals


@dataclass(frozen=True)
class Balls:
    """Membership of points in balls: for each sample the number of reference balls about it (N,); for each reference
    image, and each group of the samples, whether a ball of the group's samples holds it (M, G), and whether its own
    ball holds one of them (M, G)."""

    around_sample: np.ndarray
    reached: np.ndarray
    covered: np.ndarray


def manifold(samples: np.ndarray, reference: np.ndarray, *, network: str, neighbours: int = 5) -> list[Score]:
    """Precision, recall, density and coverage of features (N, D) against the reference's (M, D), each with an interval
    over the choice of samples. `neighbours` is k: 3 in Kynkaanniemi et al., 5 in Naeem et al.

    InputError: as `check_pair`, k < 1, or not more than k images in one of the sets.
    """
    check_pair(samples, reference)
    fewest = min(len(samples), len(reference))
    if not 1 <= neighbours < fewest:
        raise InputError(
            f"{neighbours} neighbours among {fewest} images: give between 1 and {fewest - 1}, or more images (5 is "
            "usual)"
        )
    parts, n, m = balls(samples, reference, neighbours), len(samples), len(reference)
    inside, density = parts.around_sample > 0, parts.around_sample / neighbours
    note = f"k = {neighbours}, {n:,} samples against {m:,} reference images"
    dense = float(density.mean())
    values = (
        ("precision", float(inside.mean()), proportion(int(inside.sum()), n)),
        ("recall", *_share(parts.reached)),
        ("density", dense, bootstrap(lambda i: float(density[i].mean()), n, value=dense)),
        ("coverage", *_share(parts.covered)),
    )
    return [
        Score(
            name=name,
            label=f"{name}-{network}",
            value=value,
            low=max(low, 0.0),
            high=high if name == "density" else min(high, 1.0),
            count=n,
            better="high",
            note=note,
        )
        for name, value, (low, high) in values
    ]


def balls(samples: np.ndarray, reference: np.ndarray, neighbours: int) -> Balls:
    """The memberships. Memory is that of one block of distances and of M x GROUPS flags. A point on a ball's surface,
    up to rounding, is inside. The groups are random, since samples often come class by class."""
    order = stream(Purpose.MANIFOLD_SUBSET, 0).permutation(len(samples))
    samples = samples[order]
    of_reference, of_samples = radii(reference, neighbours), radii(samples, neighbours)
    centre = samples.mean(axis=0, dtype=np.float64)
    slack = SLACK * float(squared_norms(reference, centre).max() + squared_norms(samples, centre).max())
    edges = np.linspace(0, len(samples), min(GROUPS, len(samples)) + 1).astype(int)
    around = np.zeros(len(samples), np.int64)
    reached, covered = (np.zeros((len(reference), len(edges) - 1), bool) for _ in range(2))
    for rows, distances in blocks(reference, samples):
        own = distances <= of_reference[rows, None] + slack
        around += own.sum(axis=0)
        covered[rows] = np.logical_or.reduceat(own, edges[:-1], axis=1)
        reached[rows] = np.logical_or.reduceat(distances <= of_samples + slack, edges[:-1], axis=1)
    return Balls(around[np.argsort(order)], reached, covered)


def _share(flags: np.ndarray) -> tuple[float, tuple[float, float]]:
    """The share of rows of (M, G) with any flag, and its interval with each group of samples left out in turn (their
    balls kept)."""
    groups = flags.sum(axis=1)
    value = float((groups > 0).mean())
    without = np.array([((groups - flags[:, g]) > 0).mean() for g in range(flags.shape[1])])
    return value, jackknife(value, without)
