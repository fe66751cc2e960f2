"""A score with its interval, the number of samples, and its network."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from debruit.errors import InputError
from debruit.rng import Purpose, stream

CONFIDENCE = 0.95


@dataclass(frozen=True, kw_only=True)
class Score:
    """One result. `name` is what `--metrics` takes, `label` is shown in tables ("FD-EffNetLite0"). [low, high] is the
    95 % interval over the choice of samples, None without one; `count` samples were used. `better` says which
    direction is good. `note` is a sentence for values that need one (bias at small counts)."""

    name: str
    label: str
    value: float
    low: float | None = None
    high: float | None = None
    count: int
    better: Literal["low", "high", "neither"] = "neither"
    unit: str = ""
    note: str = ""

    def __post_init__(self) -> None:
        """InputError: a value or an end of its interval that is no number."""
        if any(x is not None and math.isnan(x) for x in (self.value, self.low, self.high)):
            raise InputError(
                f"{self.label} of {self.count:,} samples is no number (NaN): look at the samples and at the features "
                "of the network"
            )


def bootstrap(
    statistic: Callable[[np.ndarray], float], count: int, *, value: float, draws: int = 200, seed: int = 0
) -> tuple[float, float]:
    """The 95 % interval of a statistic of `count` samples, by resampling their indices with replacement.

    Repeated samples shift statistics that are biased at finite counts, as a smaller count does, so the draws' own mean
    would lie next to the
    value: their spread about that mean is laid about `value` itself (the basic bootstrap of a centred statistic; Efron
    & Tibshirani 1993).
    """
    rng = stream(Purpose.BOOTSTRAP, seed).numpy()
    sampled = np.array([statistic(rng.integers(0, count, count)) for _ in range(draws)])
    low, high = np.quantile(sampled - sampled.mean(), [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return float(value - high), float(value - low)
