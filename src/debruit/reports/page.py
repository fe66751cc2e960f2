"""The page of one evaluation."""

import json
import math
from html import escape
from typing import Any

import numpy as np

from debruit.evaluation.image_set import HELDOUT_RECONSTRUCTION, REFERENCE, SAMPLES, TRAIN_RECONSTRUCTION
from debruit.evaluation.result import Evaluation
from debruit.images.figures import displayable, grid
from debruit.metrics.score import Score
from debruit.provenance import BIBTEX
from debruit.provenance import provenance as environment
from debruit.reports import html, words
from debruit.reports.alignment import BY_MASK, alignment, requested, scoring_networks
from debruit.reports.reconstruction import autoencoder
from debruit.reports.record import evaluations
from debruit.reports.rows import with_baseline
from debruit.reports.sections import BY_CLASS, SECTIONS
from debruit.sampling.guidance import weights
from debruit.sampling.sampler import name_of
from debruit.text.wording import duration

SHOWN, COLUMNS = 64, 16
APART = (BY_CLASS, BY_MASK, "colour-")
KEY_SCORES = (
    "frechet",
    "precision",
    "recall",
    "accuracy",
    "mask-iou",
    "caption-retrieval",
    "caption-retrieval-in-class",
    "colour-agreement",
    "sample-psnr",
    "bound",
    "latent-bound",
    "likelihood",
    "memorisation",
    "psnr",
    "ssim",
    "perceptual",
    "rfd",
)
UNEVEN = 1.5  # the largest share of a class over the smallest
FOOTER = (
    "Made by debruit. This page is self-contained; next to it are the same scores as scores.csv and scores.tex "
    "(booktabs), and the first images as figure.png."
)
RECONSTRUCTED = (
    '; the column "reconstructed" shows real images after encode-decode, roughly the best that a latent model can reach'
)


def render(evaluation: Evaluation, command: str) -> str:
    """The whole page of a diffusion model or of an autoencoder: the sections that have something to show."""
    about = evaluation.loaded.about()
    return html.page(
        f"{evaluation.loaded.name}: evaluation",
        header(evaluation, about),
        [
            samples(evaluation),
            scores(evaluation),
            alignment(evaluation),
            autoencoder(evaluation),
            *(section(evaluation) for section in SECTIONS),
            left_out(evaluation),
            provenance(evaluation, about, command),
        ],
        FOOTER,
    )


def header(evaluation: Evaluation, about: dict[str, Any]) -> str:
    images_seen, data = about["provenance"].get("images_seen"), evaluation.data.name
    size = f"{about['network']} of {about['parameters'] / 1e6:.2f} M parameters"
    if evaluation.conditions is None:
        scored = evaluation.heldout_reconstruction
        line = f"{scored[0].count if scored else evaluation.request.count:,} images of {data}, encoded and decoded"
        kind = f"{size}, {about['bottleneck']} of {' x '.join(map(str, about['latents']))}, factor {about['factor']}"
    else:
        line = f"{evaluation.request.count:,} samples against {data}"
        kind = f"{size}, {about['process']}, predicts {about['predicts']}"
    kind += f", {images_seen:,} images seen" if isinstance(images_seen, int) else ""
    title = f"<h1>{escape(evaluation.loaded.name)}</h1><p>{escape(line)}</p><p>{escape(kind)}</p>"
    return title + cards(evaluation)


def cards(evaluation: Evaluation) -> str:
    """The most important scores."""
    real = {s.label: s for s in evaluation.real_baseline}
    train = {s.label: s for s in evaluation.train_reconstruction}
    items = []
    for name in KEY_SCORES:
        score = next((s for s in all_scores(evaluation) if s.name == name), None)
        if score is not None:
            extra = [words.interval(score)]
            extra += [f"real images {words.value(real[score.label])}"] if score.label in real else []
            extra += [f"training images {words.value(train[score.label])}"] if score.label in train else []
            unit = f", {score.unit}" if score.unit == "dB" else ""
            items.append(html.card(score.label + unit, words.value(score), *(part for part in extra if part)))
    return html.cards(items)


def all_scores(evaluation: Evaluation) -> list[Score]:
    """Scores of the samples, of an autoencoder those of its reconstructions, and of the analyses."""
    more = [Score(**s) for analysis in evaluation.analyses.values() for s in analysis.get("scores", ())]
    alone = evaluation.heldout_reconstruction if evaluation.conditions is None else ()
    return [*evaluation.scores, *alone, *more]


def samples(evaluation: Evaluation) -> str:
    """The first samples of the seed."""
    if evaluation.conditions is None:
        return ""
    shown, spec = evaluation.sets[SAMPLES].images[:SHOWN], evaluation.sets[SAMPLES].spec
    settings = evaluation.model.settings()
    scale = max(1, 900 // (COLUMNS * (evaluation.data.width + 2)))  # fills the page's width
    sheet = grid(displayable(shown, spec), columns=COLUMNS, scale=scale)
    caption = (
        f"The first {len(shown)} samples of seed {evaluation.request.seed}, not selected: {name_of(settings.sampler)}, "
        f"{settings.steps} steps ({evaluations(evaluation)} network evaluations per image), guidance "
        f"{weights.describe(settings.guidance)}, EMA weights. {requested(evaluation)}"
    )
    return html.section("Samples", html.figure(html.image(sheet, "samples of the model"), caption))


def scores(evaluation: Evaluation) -> str:
    """Every score of the samples next to the real-data baseline; classes one by one and colours have sections of their
    own."""
    chosen = [s for s in evaluation.scores if not s.name.startswith(APART)]
    if not chosen:
        return ""
    split, data = evaluation.split, evaluation.data.name
    few = len(split.baseline) < evaluation.request.count
    baseline = (
        f"Real images {evaluation.baseline_description} are scored like the samples, as a baseline: a model is as "
        f"good as its data if the two columns agree. Both are compared with the same {len(split.reference):,} other "
        f"images of {data}"
        + (RECONSTRUCTED if evaluation.reconstructed_baseline else "")
        + (
            f"; the baseline has only {len(split.baseline):,} images, so its distances are slightly too high."
            if few
            else "."
        )
    )
    notes = (
        baseline,
        words.SMALL_SAMPLES,
        words.NOT_FID,
        _classifier(evaluation),
        scoring_networks(evaluation),
        _class_shares(evaluation),
    )
    return html.section(
        "Scores", with_baseline(chosen, evaluation), *(html.paragraph(sentence, "note") for sentence in notes)
    )


def left_out(evaluation: Evaluation) -> str:
    """Metrics that were not measured, and why."""
    if not evaluation.left_out:
        return ""
    reasons: dict[str, list[str]] = {}
    for name, reason in evaluation.left_out:
        reasons.setdefault(reason, []).append(name.replace("_", " "))
    rows = [[html.cell(", ".join(names)), html.cell(reason)] for reason, names in reasons.items()]
    return html.section("Not measured", html.table(["metric", "reason"], rows))


def provenance(evaluation: Evaluation, about: dict[str, Any], command: str) -> str:
    """The origin of model and data, and the command that reproduces the scores."""
    origin, spec = about["provenance"], evaluation.data
    versions = origin.get("versions", {})
    data, fingerprint, seed = (origin.get(key, "?") for key in ("data", "data_fingerprint", "seed"))
    images, seconds = origin.get("images_seen", 0), duration(origin.get("train_seconds", math.nan))
    size = f"{spec.channels} x {spec.height} x {spec.width} {spec.depth}"
    items = [
        ("model", f"{evaluation.loaded.name}, sha256 {about['digest']}"),
        ("trained on", f"{data}, fingerprint {fingerprint}, seed {seed}"),
        ("training", f"{images:,} images in {seconds} on {origin.get('hardware', '?')}"),
        ("trained with", ", ".join(f"{k} {v}" for k, v in versions.items()) or "?"),
        ("evaluated on", f"{spec.name}: {spec.count:,} images, {size}, fingerprint {spec.fingerprint}"),
        *_compared(evaluation),
        ("evaluated with", describe_environment(environment())),
        ("time", duration(evaluation.seconds)),
    ]
    return html.section(
        "Provenance",
        html.definitions(items),
        html.paragraph("Reproduce these numbers:", "note"),
        html.code(command),
        html.details("How to cite debruit", html.code(BIBTEX)),
        html.details("Model configuration", html.code(json.dumps(about["config"], indent=1))),
    )


def describe_environment(about: dict[str, Any]) -> str:
    """Hardware and versions (debruit/provenance.py) in a line."""
    flat = {key: value for key, value in about.items() if key not in ("versions", "command") and value is not None}
    return ", ".join(f"{key} {value}" for key, value in (about["versions"] | flat).items())


def _compared(evaluation: Evaluation) -> list[tuple[str, str]]:
    """The image sets that were compared."""
    request, sets = evaluation.request, evaluation.sets
    if evaluation.conditions is None:
        kinds = {HELDOUT_RECONSTRUCTION: "not trained on", TRAIN_RECONSTRUCTION: "trained on"}
        counts = [f"{len(sets[name]):,} {kind}" for name, kind in kinds.items() if name in sets]
        return [("images", f"{' and '.join(counts)}, each by the mean of its latents")]
    return [
        ("reference", f"{len(evaluation.split.reference):,} images, none of them in the baseline"),
        (SAMPLES, f"{request.count:,}, seed {request.seed}, batches of {request.batch}"),
    ]


def _classifier(evaluation: Evaluation) -> str:
    about = evaluation.networks.get("classifier")
    if not about:
        return ""
    return (
        f"{about['label']} is a classifier trained on the labels of the model's training data; it classifies "
        f"{about['accuracy']:.1%} ({about['low']:.1%} to {about['high']:.1%}) of {about['held_out']:,} held-out images "
        "correctly. Of the real images in the table it is applied only to those that it was not trained on."
    )


def _class_shares(evaluation: Evaluation) -> str:
    """A note if the samples have the classes in equal shares and the data has not."""
    labels, real = (evaluation.sets[name].labels for name in (SAMPLES, REFERENCE))
    conditions, names = evaluation.conditions, evaluation.data.class_names
    if conditions is None or conditions.fields is not None or labels is None or real is None or not len(names):
        return ""
    shares = np.bincount(real, minlength=len(names)) / len(real)
    if shares.max() < UNEVEN * max(shares.min(), 1 / len(real)):
        return ""
    return (
        f"The samples have the model's classes in equal shares; the shares in {evaluation.data.name} are "
        f"{shares.min():.1%} to {shares.max():.1%}. Distances to the data include that difference."
    )
