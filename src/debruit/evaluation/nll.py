"""What bits/dim on images that the model has seen and has not seen say: scores, their gap, and the bound by step."""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from debruit.evaluation.likelihood import Bits, Likelihoods, standard_error
from debruit.metrics.score import Score

NORMAL_95 = 1.96
LOST = 0.1  # share of the standard error that the steps of the ODE may cost before it is said


def scores(found: Likelihoods) -> list[Score]:
    """The figures for a table: held-out, train, their gap, and for a bound its three parts. Intervals are 95 %, over the choice of images."""
    short = "ODE" if found.method == "likelihood" else "bound"
    unseen = "held-out" if found.own else "this data"
    rows = [
        _score(found, bits.total, f"{found.unit} ({short}), {side}", _about(found, bits))
        for side, bits in ((unseen, found.held_out), ("train", found.train))
        if bits is not None
    ]
    if found.train is not None and found.held_out is not None:
        rows.append(gap(found, found.train, found.held_out, f"{found.unit} ({short}), gap"))
    if found.method != "likelihood":
        side, bits = (unseen, found.held_out) if found.held_out is not None else ("train", found.train)
        assert bits is not None
        parts = {"L_T": bits.terms[:, 0], "sum of L_(t-1)": bits.terms[:, 2:].sum(1), "L_0": bits.terms[:, 1]}
        about = PARTS | (LATENT_PARTS if found.method == "latent-bound" else {})
        rows += [_score(found, values, f"{name}, {side}", about[name]) for name, values in parts.items()]
    return rows


PARTS = {
    "L_T": "what the end of the chain still knows of the image; no training changes it",
    "sum of L_(t-1)": "what the steps of the reverse chain cost, t = 2..T",
    "L_0": "what the last step to 8-bit values costs",
}
LATENT_PARTS = {
    "L_0": "minus the log of the last step's density at the latents, which are no counted values: below 0 where that is narrow"
}


def gap(found: Likelihoods, train: Bits, held_out: Bits, label: str) -> Score:
    """Held-out minus train: above 0 where the model describes the images that it was trained on better than others of their kind."""
    value = held_out.mean - train.mean
    margin = NORMAL_95 * math.hypot(held_out.standard_error, train.standard_error)
    known = math.isfinite(margin)
    if not known:
        note = "one image on a side has no standard error: give more to tell a gap"
    elif value - margin > 0:
        note = "the model describes the images that it was trained on better than others: it has overfitted"
    else:
        note = f"no overfitting can be told with so many images; a gap of up to {max(value + margin, 0.0):.2g} cannot be excluded"
    return Score(
        name=found.method, label=label, value=value, low=value - margin if known else None, high=value + margin if known else None,
        count=len(train) + len(held_out), better="low", unit=found.unit, note=note,
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Curve:
    """The bound by step: for each stratum its first and last step, the mean L_{i-1} of one of its steps in bits/dim and the standard
    error of that, all (strata,)."""

    first: np.ndarray
    last: np.ndarray
    mean: np.ndarray
    error: np.ndarray


def curve(found: Likelihoods, side: Literal["train", "held_out"]) -> Curve | None:
    """L_{i-1} by i of one side; None where it has no images or there is no bound. The first point is L_0."""
    bits = found.train if side == "train" else found.held_out
    if bits is None or not found.strata:
        return None
    per_step = bits.terms[:, 1:] / np.array([len(stratum) for stratum in found.strata])
    return Curve(
        first=np.array([stratum[0] for stratum in found.strata]),
        last=np.array([stratum[-1] for stratum in found.strata]),
        mean=per_step.mean(0),
        error=np.array([standard_error(column) for column in per_step.T]),
    )


def _score(found: Likelihoods, values: np.ndarray, label: str, note: str) -> Score:
    mean, margin = float(values.mean()), NORMAL_95 * standard_error(values)
    known = math.isfinite(margin)
    return Score(
        name=found.method, label=label, value=mean, low=mean - margin if known else None, high=mean + margin if known else None,
        count=len(values), better="low", unit=found.unit, note=note,
    )  # fmt: skip


def _about(found: Likelihoods, bits: Bits) -> str:
    words = [f"{found.condition}, without guidance"]
    if "latents" in found.unit:
        words.insert(0, "of the mean of each image's latents, and not of its pixels")
    if any(len(stratum) > 1 for stratum in found.strata):
        words.append(f"one step drawn from each of {len(found.strata)} strata of {found.strata[-1][-1]:,} steps")
    lost = float(bits.error.max())
    if lost > LOST * bits.standard_error:
        words.append(f"the steps of the ODE cost up to {lost:.2g}: take more of them")
    return "; ".join(words)
