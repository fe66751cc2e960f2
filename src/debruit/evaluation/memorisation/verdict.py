"""Rates of copies, their uncertainty, and the conclusion from them."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from debruit.metrics.interval import NORMAL, proportion

MANY, MOST = 0.1, 0.5  # excess rates that are surely passed


@dataclass(frozen=True)
class Rate:
    """`hits` of `count` images."""

    hits: int
    count: int

    @property
    def value(self) -> float:
        return self.hits / self.count if self.count else math.nan

    def interval(self, z: float = NORMAL) -> tuple[float, float]:
        """Wilson's score interval; [0, 1] of no images."""
        return proportion(self.hits, self.count, z)

    def __str__(self) -> str:
        low, high = self.interval()
        return f"{self.hits:,} of {self.count:,} ({_percent(self.value)}, interval {_percent(low)} to {_percent(high)})"


def excess(samples: Rate, baseline: Rate, z: float = NORMAL) -> tuple[float, float]:
    """The interval of the difference of two rates, samples minus baseline, from their Wilson intervals (Newcombe 1998,
    method 10)."""
    difference = samples.value - baseline.value
    (low, high), (base_low, base_high) = samples.interval(z), baseline.interval(z)
    below = math.hypot(samples.value - low, base_high - baseline.value)
    above = math.hypot(high - samples.value, baseline.value - base_low)
    return difference - below, difference + above


def verdict(looks: Mapping[str, tuple[Rate, Rate]], identical: Rate, identical_baseline: Rate) -> str:
    """The conclusion from near copies among samples and held-out images, by each measure, and from identical images.

    Intervals are of 95 %: of 40 measures of a model that copies nothing, one will seem to show copying.
    """
    sentences = []
    if identical.hits:
        also = f"; of held-out images {identical_baseline}" if identical_baseline.count else ""
        sentences.append(f"{identical} samples are identical to a training image, value for value{also}.")
    if not identical_baseline.count:
        counts = ", ".join(f"{rate} samples by {label}" for label, (rate, _) in looks.items())
        sentences.append(
            f"Near copies of training images: {counts}. No image was held out, so there is no baseline: whether the "
            "model copies, or the data contains near-duplicates, cannot be decided."
        )
        return " ".join(sentences)
    excesses = {label: excess(*pair) for label, pair in looks.items()}
    passed = {label: (low, high) for label, (low, high) in excesses.items() if low > 0}
    for label, (low, high) in passed.items():
        amount = "Most" if low > MOST else "Many" if low > MANY else "Some"
        rate, baseline = looks[label]
        sentences.append(
            f"{amount} samples are near copies of training images: {rate} by {label}, against {baseline} of held-out "
            f"images, an excess of {100 * low:.1f} to {100 * high:.1f} points."
        )
    if not passed:
        counts = "; ".join(
            f"by {label} {rate} samples are near copies, and {baseline} held-out images; an excess of more than "
            f"{100 * max(excesses[label][1], 0):.1f} points can be excluded"
            for label, (rate, baseline) in looks.items()
        )
        sentences.append(f"No evidence of copying beyond the rate of near-duplicates in the data: {counts}.")
    return " ".join(sentences)


def level(
    looks: Mapping[str, tuple[Rate, Rate]], identical: Rate, identical_baseline: Rate
) -> Literal["good", "warning", "unknown"]:
    """How serious the verdict is: "warning" where copies exceed the baseline, "good" where they do not, "unknown" where
    that cannot be decided: no image was held out, or samples are identical to training images as often as held-out
    images are."""
    if identical.hits and not identical_baseline.value >= identical.value:  # also of no baseline, NaN
        return "warning"
    if not identical_baseline.count:
        return "unknown"
    if any(excess(*pair)[0] > 0 for pair in looks.values()):
        return "warning"
    return "unknown" if identical.hits else "good"


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"
