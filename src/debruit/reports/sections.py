"""Sections of an evaluation's page that stand by themselves: functions of the evaluation that return HTML, or ""."""

import math
from collections.abc import Sequence
from typing import Any

from debruit.evaluation.result import Evaluation
from debruit.metrics.score import Score
from debruit.reports import html, plots
from debruit.reports.rows import plain, with_baseline

BY_CLASS = "accuracy-"
MOST_BARS = 40
QUARTERS = ("least noise", "second quarter", "third quarter", "most noise")
HELD_OUT, TRAINING = ", held-out", ", training"
COLOURS = {"good": "good", "warning": "warn", "unknown": ""}  # of a verdict, by its level
COLOUR_NOTE = (
    "Mean and standard deviation of each channel, samples minus data, in units of the data's range from 0 to 1. "
    "Washed-out or tinted samples show here first: for a good model 0 lies within the interval."
)
BOUND_CURVE = (
    "The bound by step: most bits are spent on the last steps, which decide fine detail. The first point is L0."
)
LATENT_CURVE = "The bound of the latents by step, without L0, which is a density and of any sign."
LIKELIHOOD_NOTE = (
    "Fewer bits are better. The gap between held-out and training images measures overfitting: a model that only "
    "memorised its training images describes them well and others badly. Both are measured without guidance."
)
LATENT_NOTE = (
    "This model works on latents: bits/dim of its images are not defined by the diffusion alone, which knows no "
    "pixels. Reported is the density of its latents, in bits for each of their values; it depends on their scale, so "
    "it compares models on the same autoencoder only, and may be negative."
)
NEAREST = (
    "The samples that are nearest to a training image, worst first: each row has a sample on the left and its nearest "
    "training images next to it. The worst of many always resemble something; the rates above tell whether more "
    "samples than held-out images do."
)
RATIO_AXIS = "distance to the nearest training image / mean to its nearest (pixels)"


def classes(evaluation: Evaluation) -> str:
    """The accuracy of each class."""
    chosen = [s for s in evaluation.scores if s.name.startswith(BY_CLASS)]
    if not chosen:
        return ""
    names = [s.name.removeprefix(BY_CLASS) for s in chosen]
    real = {s.label: s.value for s in evaluation.real_baseline}
    groups = {"samples": [s.value for s in chosen], "real images": [real.get(s.label, 0.0) for s in chosen]}
    parts = []
    if len(chosen) <= MOST_BARS:
        bars = plots.bars(names, groups, y="accuracy", top=1.0)
        parts.append(html.figure(bars, "The share of each class that is classified as the requested class."))
    return html.section("Classes", *parts, html.details("All classes as numbers", with_baseline(chosen, evaluation)))


def colours(evaluation: Evaluation) -> str:
    """Mean and standard deviation of each channel compared with the data."""
    chosen = [s for s in evaluation.scores if s.name.startswith("colour-")]
    if not chosen:
        return ""
    return html.section("Colour", with_baseline(chosen, evaluation), html.paragraph(COLOUR_NOTE, "note"))


def likelihood(evaluation: Evaluation) -> str:
    """Bits per dimension, and the bound by step."""
    names = ("bound", "latent-bound", "likelihood")
    shown = [evaluation.analyses[name] for name in names if name in evaluation.analyses]
    if not shown:
        return ""
    scores = [Score(**item) for analysis in shown for item in analysis["scores"]]
    latent = "latent-bound" in evaluation.analyses
    curves = evaluation.analyses.get("latent-bound" if latent else "bound", {}).get("curves", {})
    series = {
        {"train": "training images", "held_out": "held-out images"}[name]: (
            points["first"][latent:],
            points["mean"][latent:],
        )
        for name, points in curves.items()
        if points is not None
    }
    parts = [plain(scores, "images")]
    if series:
        plot = plots.lines(series, x="step t of the chain", y="$L_{t-1}$, bits/dim", log_x=True, log_y=True)
        parts.append(html.figure(plot, LATENT_CURVE if latent else BOUND_CURVE))
    notes = [LIKELIHOOD_NOTE, *([LATENT_NOTE] if any("latents" in s.unit for s in scores) else [])]
    return html.section("Likelihood", *parts, *(html.paragraph(text, "note") for text in notes))


def memorisation(evaluation: Evaluation) -> str:
    """The verdict, the rates, and the worst cases next to their nearest training images."""
    result = evaluation.analyses.get("memorisation")
    if not result:
        return ""
    ratios = result["ratios"]["pixels"]
    groups = {"samples": ratios["samples"], "held-out images": ratios["held_out"]}
    groups = {name: values for name, values in groups.items() if values}
    histogram = plots.histograms(groups, x=RATIO_AXIS, line=("near copy", result["threshold"]))
    data = result["sheet"]
    sheet = f'<img alt="samples next to their nearest training images" src="data:image/png;base64,{data}">'
    return html.section(
        "Memorisation",
        html.verdict(result["verdict"], COLOURS[result.get("level", "unknown")]),
        plain([Score(**s) for s in result["scores"]], "images"),
        html.figure(histogram),
        html.figure(sheet, NEAREST),
    )


def loss(evaluation: Evaluation) -> str:
    """The loss by quarters of t over the training, and when to stop."""
    result = evaluation.analyses.get("loss")
    if not result or "missing" in result:
        return html.section("Loss by timestep", html.paragraph(result["missing"], "note")) if result else ""
    images = result["images_seen"]
    curves = {"held-out images": (images, result["validation"]), "training images": (images, result["training"])}
    curves = {name: curve for name, curve in curves.items() if _known(curve[1])}
    quarters = _quarters(result)
    dashed = [name for name in quarters if name.endswith(TRAINING)]
    of_training = ", and training images dashed." if dashed else "; the log has none of training images by quarters."
    axes: dict[str, Any] = {"x": "images seen", "y": "loss", "log_y": True}
    advice = result["advice"]
    return html.section(
        "Loss by timestep",
        html.verdict(advice[:1].upper() + advice[1:] + "."),
        html.figure(plots.lines(curves, **axes), "The loss of the averaged weights on fixed images with fixed noise."),
        html.figure(
            plots.lines(quarters, **axes, colours=len(QUARTERS), dashed=dashed),
            "The loss by quarters of the training's density over t: held-out images" + of_training,
        ),
    )


def _quarters(result: dict[str, Any]) -> dict[str, tuple[Sequence[float], Sequence[float]]]:
    """Curves by name: four of held-out images, then in the same order four of training images if the log has them."""
    kinds = {HELD_OUT: result["validation_quarters"], TRAINING: result["training_quarters"]}
    return {
        name + kind: (result["images_seen"], values)
        for kind, rows in kinds.items()
        if kind == HELD_OUT or _known([v for row in rows for v in row])
        for name, values in zip(QUARTERS, zip(*rows, strict=True), strict=True)
    }


def _known(values: Sequence[float | None]) -> bool:
    return any(v is not None and math.isfinite(v) for v in values)


SECTIONS = (classes, colours, likelihood, memorisation, loss)
