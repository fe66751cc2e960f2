"""Guidance in an interval of times."""

from debruit.sampling.sampler import Denoise

Interval = tuple[float, float]
EVERYWHERE: Interval = (0.0, 1.0)


def inside(interval: Interval, t: float) -> bool:
    """Whether guidance is on at t: both ends belong to the interval."""
    return interval[0] <= t <= interval[1]


def within(interval: Interval, guided: Denoise, plain: Denoise) -> Denoise:
    """`guided` at times in the interval and `plain`, the conditional estimate alone, outside of it, where every weight
    is thereby 1. Kynkäänniemi et al. 2024 (theirs is an interval of sigma)."""
    if interval == EVERYWHERE:
        return guided
    return lambda x, t: (guided if inside(interval, t) else plain)(x, t)
