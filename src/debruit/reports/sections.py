"""The parts of an evaluation's page that stand by themselves, each a function of the findings that gives HTML, or nothing."""

import math
from collections.abc import Sequence
from typing import Any

from debruit.evaluation.pipeline import Evaluation
from debruit.metrics.score import Score
from debruit.reports import html, plots
from debruit.reports.rows import beside_real, plain

BY_CLASS = "accuracy-"
MOST_BARS = 40
QUARTERS = ("least noise", "second quarter", "third quarter", "most noise")
HELD_OUT, TRAINING = ", held-out", ", training"
COLOURS = {"good": "good", "warning": "warn", "unknown": ""}  # of a verdict, by its level


def classes(found: Evaluation) -> str:
    """How often each class is recognised as what was asked for."""
    chosen = [s for s in found.scores if s.name.startswith(BY_CLASS)]
    if not chosen:
        return ""
    short = lambda s: s.name.removeprefix(BY_CLASS)  # noqa: E731
    real = {s.label: s.value for s in found.floor}
    groups = {"samples": [s.value for s in chosen], "real images": [real.get(s.label, 0.0) for s in chosen]}
    parts = []
    if len(chosen) <= MOST_BARS:
        drawn = plots.bars([short(s) for s in chosen], groups, y="share recognised", top=1.0)
        parts.append(
            html.figure(drawn, "The share of each class that the classifier recognises as what was asked for.")
        )
    return html.section("Classes", *parts, html.details("All classes in figures", beside_real(chosen, found)))


def colours(found: Evaluation) -> str:
    """Mean and spread of each channel beside the data's."""
    chosen = [s for s in found.scores if s.name.startswith("colour-")]
    if not chosen:
        return ""
    return html.section(
        "Colour", beside_real(chosen, found),
        html.paragraph(
            "Mean and spread (standard deviation) of each channel, samples less data, in units of the data's range from 0 to 1. Washed-out or tinted samples "
            "show here first: a model that is right lies at 0 within the interval.", "note",
        ),
    )  # fmt: skip


def likelihood(found: Evaluation) -> str:
    """Bits per dimension, and the bound by step."""
    shown = [found.analyses[name] for name in ("bound", "latent-bound", "likelihood") if name in found.analyses]
    if not shown:
        return ""
    parts = [plain([Score(**item) for analysis in shown for item in analysis["scores"]], "images")]
    latent = "latent-bound" in found.analyses
    curves = found.analyses.get("latent-bound" if latent else "bound", {}).get("curves", {})
    series = {
        {"train": "training images", "held_out": "held-out images"}[side]: (
            points["first"][latent:],
            points["mean"][latent:],
        )
        for side, points in curves.items()
        if points is not None
    }
    if series:
        drawn = plots.lines(series, x="step t of the chain", y="$L_{t-1}$, bits/dim", log_x=True, log_y=True)
        parts.append(
            html.figure(
                drawn,
                LATENT_CURVE
                if latent
                else "The bound by step: most bits are spent on the last steps, where fine detail is decided. The first point is L0.",
            )
        )
    parts.append(
        html.paragraph(
            "Fewer bits are better. The gap between held-out and training images is the measure of overfitting: a model that only learned its training "
            "images describes them well and others badly. Both are of the model without guidance.", "note",
        )
    )  # fmt: skip
    if any("latents" in Score(**s).unit for analysis in shown for s in analysis["scores"]):
        parts.append(html.paragraph(OF_LATENTS, "note"))
    return html.section("Likelihood", *parts)


def memorisation(found: Evaluation) -> str:
    """The verdict, the rates, and the worst cases beside their nearest training images."""
    result = found.analyses.get("memorisation")
    if not result:
        return ""
    rows = [Score(**s) for s in result["scores"]]
    by_pixels = result["ratios"]["pixels"]
    groups = {"samples": by_pixels["samples"], "held-out images": by_pixels["held_out"]}
    drawn = plots.histograms(
        {name: ratios for name, ratios in groups.items() if ratios}, x="distance to the nearest training image / mean to its nearest (pixels)",
        line=("near copy", result["threshold"]),
    )  # fmt: skip
    picture = f'<img alt="samples beside their nearest training images" src="data:image/png;base64,{result["sheet"]}">'
    return html.section(
        "Memorisation", html.verdict(result["verdict"], COLOURS[result.get("level", "unknown")]), plain(rows, "images"), html.figure(drawn),
        html.figure(picture, "The samples that lie nearest to a training image, worst first: each row has a sample on the left and its nearest training "
                    "images beside it. The worst of many always look alike to something; the rates above say whether it is more than held-out images do."),
    )  # fmt: skip


def loss(found: Evaluation) -> str:
    """The loss by quarters of t over the training, and when to stop."""
    result = found.analyses.get("loss")
    if not result or "missing" in result:
        return html.section("Loss by timestep", html.paragraph(result["missing"], "note")) if result else ""
    seen = result["images_seen"]
    curves = {"held-out images": (seen, result["validation"]), "training images": (seen, result["training"])}
    quarters = _quarters(result)
    dashed = [name for name in quarters if name.endswith(TRAINING)]
    sentence = result["advice"]
    return html.section(
        "Loss by timestep", html.verdict(sentence[:1].upper() + sentence[1:] + "."),
        html.figure(plots.lines({k: v for k, v in curves.items() if _known(v[1])}, x="images seen", y="loss", log_y=True),
                    "The loss of the averaged weights on fixed images with fixed noise."),
        html.figure(plots.lines(quarters, x="images seen", y="loss", log_y=True, colours=len(QUARTERS), dashed=dashed),
                    "The loss by quarters of the training's density over t: held-out images"
                    + (", and training images dashed." if dashed else "; the log holds none of training images by quarters.")),
    )  # fmt: skip


def _quarters(result: dict[str, Any]) -> dict[str, tuple[Sequence[float], Sequence[float]]]:
    """The curves by name: the four of held-out images, then in the same order the four of training images where the log has them."""
    sides = {HELD_OUT: result["validation_quarters"], TRAINING: result["training_quarters"]}
    return {
        name + side: (result["images_seen"], values)
        for side, rows in sides.items()
        if side == HELD_OUT or _known([v for row in rows for v in row])
        for name, values in zip(QUARTERS, zip(*rows, strict=True), strict=True)
    }


def _known(values: Sequence[float | None]) -> bool:
    return any(v is not None and math.isfinite(v) for v in values)


LATENT_CURVE = "The bound of the latents by step, without L0, which is a density and of any sign."
OF_LATENTS = (
    "This model works on latents: bits/dim of its images are not defined by the diffusion alone, which knows no pixels. What is reported is the density "
    "of its latents, in bits for each of their values; it depends on their scale, so that it compares models on the same autoencoder only, "
    "and may be negative."
)
SECTIONS = (classes, colours, likelihood, memorisation, loss)
