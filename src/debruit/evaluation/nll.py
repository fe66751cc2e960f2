"""Scores from bits/dim of training and held-out images: their means, their gap, and the bound by step."""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from debruit.evaluation.likelihood import Bits, Likelihoods, standard_error
from debruit.metrics.score import Score

NORMAL_95 = 1.96
LOST = 0.1  # share of the standard error that the steps of the ODE may cost without a note


def scores(likelihoods: Likelihoods) -> list[Score]:
    """The rows of a table: held-out, train, their gap, and for a bound its three parts. Intervals are 95 %, over
    the choice of images."""
    short = "ODE" if likelihoods.method == "likelihood" else "bound"
    unseen = "held-out" if likelihoods.own else "this data"
    rows = [
        _score(likelihoods, bits.total, f"{likelihoods.unit} ({short}), {side}", _about(likelihoods, bits))
        for side, bits in ((unseen, likelihoods.held_out), ("train", likelihoods.train))
        if bits is not None
    ]
    if likelihoods.train is not None and likelihoods.held_out is not None:
        rows.append(gap(likelihoods, likelihoods.train, likelihoods.held_out, f"{likelihoods.unit} ({short}), gap"))
    if likelihoods.method != "likelihood":
        side, bits = (
            (unseen, likelihoods.held_out) if likelihoods.held_out is not None else ("train", likelihoods.train)
        )
        assert bits is not None
        parts = {"L_T": bits.terms[:, 0], "sum of L_(t-1)": bits.terms[:, 2:].sum(1), "L_0": bits.terms[:, 1]}
        about = PARTS | (LATENT_PARTS if likelihoods.method == "latent-bound" else {})
        rows += [_score(likelihoods, values, f"{name}, {side}", about[name]) for name, values in parts.items()]
    return rows


PARTS = {
    "L_T": "what the end of the chain still knows of the image; no training changes it",
    "sum of L_(t-1)": "what the steps of the reverse chain cost, t = 2..T",
    "L_0": "what the last step to 8-bit values costs",
}
LATENT_PARTS = {
    "L_0": "minus the log of the last step's density at the latents, which are continuous: below 0 if it is narrow"
}


def gap(likelihoods: Likelihoods, train: Bits, held_out: Bits, label: str) -> Score:
    """Held-out minus train: above 0 where the model describes the images that it was trained on better than others of
    their kind."""
    value = held_out.mean - train.mean
    margin = NORMAL_95 * math.hypot(held_out.standard_error, train.standard_error)
    known = math.isfinite(margin)
    if not known:
        note = "one image on a side has no standard error: give more to tell a gap"
    elif value - margin > 0:
        note = "the model describes the images that it was trained on better than others: it has overfitted"
    else:
        most = max(value + margin, 0.0)
        note = f"overfitting is not detectable with so many images; a gap of up to {most:.2g} cannot be excluded"
    return Score(
        name=likelihoods.method,
        label=label,
        value=value,
        low=value - margin if known else None,
        high=value + margin if known else None,
        count=len(train) + len(held_out),
        better="low",
        unit=likelihoods.unit,
        note=note,
    )


@dataclass(frozen=True, kw_only=True)
class Curve:
    """The bound by step: for each stratum its first and last step, the mean L_{i-1} of one of its steps in bits/dim and
    the standard error of that, all (strata,)."""

    first: np.ndarray
    last: np.ndarray
    mean: np.ndarray
    error: np.ndarray


def curve(likelihoods: Likelihoods, side: Literal["train", "held_out"]) -> Curve | None:
    """L_{i-1} by i of one side; None where it has no images or there is no bound. The first point is L_0."""
    bits = likelihoods.train if side == "train" else likelihoods.held_out
    if bits is None or not likelihoods.strata:
        return None
    per_step = bits.terms[:, 1:] / np.array([len(stratum) for stratum in likelihoods.strata])
    return Curve(
        first=np.array([stratum[0] for stratum in likelihoods.strata]),
        last=np.array([stratum[-1] for stratum in likelihoods.strata]),
        mean=per_step.mean(0),
        error=np.array([standard_error(column) for column in per_step.T]),
    )


def _score(likelihoods: Likelihoods, values: np.ndarray, label: str, note: str) -> Score:
    mean, margin = float(values.mean()), NORMAL_95 * standard_error(values)
    known = math.isfinite(margin)
    return Score(
        name=likelihoods.method,
        label=label,
        value=mean,
        low=mean - margin if known else None,
        high=mean + margin if known else None,
        count=len(values),
        better="low",
        unit=likelihoods.unit,
        note=note,
    )


def _about(likelihoods: Likelihoods, bits: Bits) -> str:
    words = [f"{likelihoods.condition}, without guidance"]
    if "latents" in likelihoods.unit:
        words.insert(0, "of the mean of each image's latents, and not of its pixels")
    if any(len(stratum) > 1 for stratum in likelihoods.strata):
        words.append(
            f"one step drawn from each of {len(likelihoods.strata)} strata of {likelihoods.strata[-1][-1]:,} steps"
        )
    lost = float(bits.error.max())
    if lost > LOST * bits.standard_error:
        words.append(f"the steps of the ODE cost up to {lost:.2g}: take more of them")
    return "; ".join(words)
