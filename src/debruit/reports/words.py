"""Figures and their meaning in words."""

import math

from debruit.metrics.score import Score

ARROWS = {"low": "lower is better", "high": "higher is better", "neither": ""}


def number(value: float | None, unit: str = "") -> str:
    """Three or four figures, shares as per cent: 12.34, 0.0123, 1.2e-05, 93.4 %."""
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
    """ "3.4 to 3.9", or nothing."""
    if score.low is None or score.high is None:
        return ""
    unit = shown_unit(score) if unit is None else unit
    return f"{number(score.low, unit)} to {number(score.high, unit)}"


def value(score: Score) -> str:
    return number(score.value, shown_unit(score))


def shown_unit(score: Score) -> str:
    """ "%" for shares, which are kept as 0..1; other units stand in the label."""
    return "%" if score.unit in ("%", "share") else ""


SMALL_SAMPLES = (
    "A Frechet distance at N samples lies above its limit by roughly C / N, and C depends on the model: compare figures of equal N and the same "
    "network only, with what as many real images score beside them, or take the extrapolated FD∞. KID has no such bias. Intervals are 95 % over the "
    "choice of samples; they hold neither the choice of the reference images nor that of the training's seed."
)
NOT_FID = (
    "Each score carries the name of the network that saw the images. Scores of different networks cannot be compared, and none of these is the FID "
    "of the literature unless its label says InceptionV3."
)
