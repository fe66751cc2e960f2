"""Intervals that need no resampling. All are 95 %, as those of `debruit.evaluation.score.bootstrap`."""

import numpy as np

NORMAL = 1.959964  # 97.5 % quantile of the standard normal distribution


def around(value: float, standard_error: float) -> tuple[float, float]:
    """value -+ 1.96 standard errors."""
    return float(value - NORMAL * standard_error), float(value + NORMAL * standard_error)


def proportion(hits: float, count: float) -> tuple[float, float]:
    """For a share of `hits` in `count` independent trials (Wilson 1927): stays within [0, 1], and has a width where all or none hit."""
    share, z = hits / count, NORMAL**2 / count
    centre = (share + z / 2) / (1 + z)
    half = np.sqrt(z * share * (1 - share) + z**2 / 4) / (1 + z)
    return float(max(centre - half, 0.0)), float(min(centre + half, 1.0))


def jackknife(value: float, left_out: np.ndarray) -> tuple[float, float]:
    """For a statistic's `value` from its values (G,) with each of G equal groups left out in turn (Shao & Wu 1989)."""
    groups = len(left_out)
    return around(value, float(np.sqrt((groups - 1) * np.var(left_out))))
