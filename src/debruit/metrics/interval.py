"""Intervals that need no resampling. All are 95 %, as those of `debruit.metrics.score.bootstrap`."""

import math

import numpy as np

NORMAL = 1.959964  # 97.5 % quantile of the standard normal distribution


def around(value: float, standard_error: float) -> tuple[float, float]:
    """value -+ 1.96 standard errors."""
    return float(value - NORMAL * standard_error), float(value + NORMAL * standard_error)


def proportion(hits: float, count: float, z: float = NORMAL) -> tuple[float, float]:
    """For a share of `hits` in `count` independent trials (Wilson 1927): stays within [0, 1], and has a width where all
    or none hit. [0, 1] of no trials."""
    if not count:
        return 0.0, 1.0
    share, spread = hits / count, z**2 / count
    centre = (share + spread / 2) / (1 + spread)
    half = math.sqrt(spread * share * (1 - share) + spread**2 / 4) / (1 + spread)
    return centre - half if hits else 0.0, centre + half if hits < count else 1.0


def jackknife(value: float, left_out: np.ndarray) -> tuple[float, float]:
    """For a statistic's `value` from its values (G,) with each of G equal groups left out in turn (Shao & Wu 1989)."""
    groups = len(left_out)
    return around(value, float(np.sqrt((groups - 1) * np.var(left_out))))
