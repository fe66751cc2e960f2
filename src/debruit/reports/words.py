"""Numbers and intervals as text."""

import math

from debruit.metrics.score import Score

ARROWS = {"low": "lower is better", "high": "higher is better", "neither": ""}


def number(value: float | None, unit: str = "") -> str:
    """Three or four digits, shares as per cent: 12.34, 0.0123, 1.2e-05, 93.4 %."""
    if value is None or not math.isfinite(value):
        return "–"
    if unit == "%":
        return f"{100 * value:.1f} %"
    size = abs(value)
    if size >= 1000:
        text = f"{value:,.0f}"
    elif size >= 100:
        text = f"{value:.1f}"
    elif size >= 0.9995 or size == 0:
        text = f"{value:.2f}"
    elif size >= 0.01:
        text = f"{value:.3f}"
    else:
        text = f"{value:.2g}"
    return text.replace("-", "\u2212") if value < 0 else text


def interval(score: Score, unit: str | None = None) -> str:
    """The interval as "3.4 to 3.9"; "" without one."""
    if score.low is None or score.high is None:
        return ""
    unit = shown_unit(score) if unit is None else unit
    return f"{number(score.low, unit)} to {number(score.high, unit)}"


def value(score: Score) -> str:
    return number(score.value, shown_unit(score))


def shown_unit(score: Score) -> str:
    """The unit "%" for shares, whose values are 0..1; other units are part of the label."""
    return "%" if score.unit in ("%", "share") else ""


SMALL_SAMPLES = (
    "A Frechet distance at N samples exceeds its limit by roughly C / N, and C depends on the model: compare scores "
    "only at equal N and with the same network, together with the real-data baseline, or use the extrapolated FD∞. "
    "KID has no such bias. Intervals are 95 % over the choice of samples; they include neither the choice of the "
    "reference images nor that of the training's seed."
)
NOT_FID = (
    "The label of each score names its feature network. Scores of different networks cannot be compared, and only a "
    "label with InceptionV3 is the FID of the literature."
)
