"""The page of one evaluation."""

import json
import math
from html import escape
from typing import Any

import numpy as np

from debruit.evaluation.loaded import LoadedAutoencoder, LoadedModel
from debruit.evaluation.pipeline import Evaluation
from debruit.images import pictures
from debruit.metrics.score import Score
from debruit.provenance import BIBTEX
from debruit.provenance import provenance as environment
from debruit.reports import html, words
from debruit.reports.conditions import BY_MASK, asked_of, conditions, judges
from debruit.reports.passages import autoencoder
from debruit.reports.record import evaluations
from debruit.reports.rows import beside_real
from debruit.reports.sections import BY_CLASS, SECTIONS
from debruit.sampling.guidance import weights
from debruit.sampling.sampler import name_of
from debruit.text.wording import duration

SHOWN, COLUMNS = 64, 16
APART = (BY_CLASS, BY_MASK, "colour-")
RECONSTRUCTION = ("psnr", "ssim", "perceptual", "rfd")
UNEVEN = 1.5  # the largest share of a class over the smallest


def render(found: Evaluation, command: str) -> str:
    """The whole page, from findings alone: of a diffusion model or of an autoencoder, whose parts are those that have something to show."""
    about = found.subject.about()
    return html.page(
        f"{found.subject.name}: evaluation",
        header(found, about),
        [
            samples(found),
            scores(found),
            conditions(found),
            autoencoder(found),
            *(section(found) for section in SECTIONS),
            left_out(found),
            provenance(found, about, command),
        ],
        FOOTER,
    )


FOOTER = (
    "Made by debruit. This page needs nothing but itself; beside it lie the same scores as scores.csv and scores.tex (booktabs), and the first images as "
    "figure.png."
)
DECODED = ", and so are the real images once through the model's autoencoder, which is about as far as any diffusion on its latents could come"


def header(found: Evaluation, about: dict[str, Any]) -> str:
    seen = about["provenance"].get("images_seen")
    size = f"{about['network']} of {about['parameters'] / 1e6:.2f} M parameters"
    if isinstance(found.subject, LoadedAutoencoder):
        line = f"{found.decoded[0].count if found.decoded else found.request.count:,} images of {found.data.name}, there and back"
        kind = f"{size}, {about['bottleneck']} of {' x '.join(map(str, about['latents']))}, factor {about['factor']}"
    else:
        line = f"{found.request.count:,} samples against {found.data.name}"
        kind = f"{size}, {about['process']}, predicts {about['predicts']}"
    trained = f", {seen:,} images seen" if isinstance(seen, int) else ""
    return f"<h1>{escape(found.subject.name)}</h1><p>{escape(line)}</p><p>{escape(kind + trained)}</p>" + key_figures(
        found
    )


def key_figures(found: Evaluation) -> str:
    """A handful of cards with what is asked first."""
    floor, seen = ({s.label: s for s in side} for side in (found.floor, found.seen))
    items = []
    for name in (
        "frechet",
        "precision",
        "recall",
        "accuracy",
        "mask-iou",
        "caption-retrieval",
        "sample-psnr",
        "bound",
        "latent-bound",
        "likelihood",
        "memorisation",
        *RECONSTRUCTION,
    ):
        score = next((s for s in all_scores(found) if s.name == name), None)
        if score is not None:
            real = floor.get(score.label)
            extra = [words.interval(score), f"real images {words.value(real)}" if real else ""]
            extra += [f"training images {words.value(seen[score.label])}"] if score.label in seen else []
            unit = f", {score.unit}" if score.unit == "dB" else ""
            items.append(html.card(score.label + unit, words.value(score), *(part for part in extra if part)))
    return html.cards(items)


def all_scores(found: Evaluation) -> list[Score]:
    """Those of the samples, then those of the analyses, and of an autoencoder by itself those of its reconstructions."""
    more = [Score(**s) for analysis in found.analyses.values() for s in analysis.get("scores", ())]
    alone = found.decoded if isinstance(found.subject, LoadedAutoencoder) else ()
    return [*found.scores, *alone, *more]


def samples(found: Evaluation) -> str:
    """The first samples of the seed, not chosen."""
    if not isinstance(found.subject, LoadedModel):
        return ""
    side = found.sides["samples"]
    images = side.images[:SHOWN]
    settings = found.subject.model.settings()
    sheet = pictures.grid(pictures.displayable(images, side.spec), columns=COLUMNS, scale=_scale(found))
    caption = (
        f"The first {len(images)} samples of seed {found.request.seed}, not chosen: {name_of(settings.sampler)}, {settings.steps} steps "
        f"({evaluations(found)} network evaluations an image), guidance {weights.in_words(settings.guidance)}, EMA weights. {asked_of(found)}"
    )
    return html.section("Samples", html.figure(html.picture(sheet, "samples of the model"), caption))


def scores(found: Evaluation) -> str:
    """Every score of the samples beside that of real images; classes one by one and colours have parts of their own."""
    chosen = [s for s in found.scores if not s.name.startswith(APART)]
    if not chosen:
        return ""
    unseen = found.own_floor
    return html.section(
        "Scores", beside_real(chosen, found),
        html.paragraph(
            f"Real images {unseen} stand in the place of the samples to show what can be attained: a model is as good as its data where the two columns "
            f"agree. Both are measured against the same {len(found.division.reference):,} other images of {found.data.name}"
            + DECODED * bool(found.through)
            + (f"; there are only {len(found.division.floor):,} to spare, so their own distances are a little too high." if _few(found) else "."), "note",
        ),
        html.paragraph(words.SMALL_SAMPLES, "note"), html.paragraph(words.NOT_FID, "note"), html.paragraph(_classifier(found), "note"),
        html.paragraph(judges(found), "note"), html.paragraph(_shares(found), "note"),
    )  # fmt: skip


def _few(found: Evaluation) -> bool:
    return len(found.division.floor) < found.request.count


def _classifier(found: Evaluation) -> str:
    about = found.networks.get("classifier")
    if not about:
        return ""
    return (
        f"{about['label']} is a small classifier trained on the labels of the model's training data; it recognises {about['accuracy']:.1%} "
        f"({about['low']:.1%} to {about['high']:.1%}) of {about['held_out']:,} images that it was not trained on. Of the real images in the table it is "
        "asked only about those that it was not trained on."
    )


def _shares(found: Evaluation) -> str:
    """That the samples' classes in turn are not the data's shares, where they are not."""
    asked, real = (found.sides[name].labels for name in ("samples", "reference"))
    if (
        found.wanted is None
        or found.wanted.fields is not None
        or asked is None
        or real is None
        or not len(found.data.class_names)
    ):
        return ""
    shares = np.bincount(real, minlength=len(found.data.class_names)) / len(real)
    if shares.max() < UNEVEN * max(shares.min(), 1 / len(real)):
        return ""
    return (
        f"The samples have the model's classes in equal shares; {found.data.name} has them in shares of {shares.min():.1%} to {shares.max():.1%}. "
        "Distances to the data count that difference too."
    )


def left_out(found: Evaluation) -> str:
    if not found.left_out:
        return ""
    reasons: dict[str, list[str]] = {}
    for name, reason in found.left_out:
        reasons.setdefault(reason, []).append(name.replace("_", " "))
    rows = [[html.cell(", ".join(names)), html.cell(reason)] for reason, names in reasons.items()]
    return html.section("Not measured", html.table(["what", "why not"], rows))


def provenance(found: Evaluation, about: dict[str, Any], command: str) -> str:
    """Where every figure comes from, and the command that makes them again."""
    origin = about["provenance"]
    spec = found.data
    versions = origin.get("versions", {})
    items = [
        ("model", f"{found.subject.name}, sha256 {about['digest']}"),
        ("trained on", f"{origin.get('data', '?')}, fingerprint {origin.get('data_fingerprint', '?')}, seed {origin.get('seed', '?')}"),
        ("training", f"{origin.get('images_seen', 0):,} images in {duration(origin.get('train_seconds', math.nan))} on {origin.get('hardware', '?')}"),
        ("trained with", ", ".join(f"{k} {v}" for k, v in versions.items()) or "?"),
        ("evaluated on", f"{spec.name}: {spec.count:,} images, {spec.channels} x {spec.height} x {spec.width} {spec.depth}, fingerprint {spec.fingerprint}"),
        *_compared(found),
        ("evaluated with", in_words(environment())),
        ("time", duration(found.seconds)),
    ]  # fmt: skip
    return html.section(
        "Provenance",
        html.definitions(items),
        html.paragraph("The same figures again:", "note"),
        html.code(command),
        html.details("How to cite debruit", html.code(BIBTEX)),
        html.details("The model's configuration", html.code(json.dumps(about["config"], indent=1))),
    )


def in_words(about: dict[str, Any]) -> str:
    """Hardware and versions (debruit/provenance.py) in a line."""
    flat = {key: value for key, value in about.items() if key not in ("versions", "command") and value is not None}
    return ", ".join(f"{key} {value}" for key, value in (about["versions"] | flat).items())


def _compared(found: Evaluation) -> list[tuple[str, str]]:
    """What was compared with what."""
    if isinstance(found.subject, LoadedAutoencoder):
        sides = {"decoded": "that it was not trained on", "seen": "that it was trained on"}
        counts = [f"{len(found.sides[name]):,} {words_}" for name, words_ in sides.items() if name in found.sides]
        return [("images", f"{' and '.join(counts)}, each by the mean of its latents")]
    return [
        ("reference", f"{len(found.division.reference):,} images, none of them in the floor"),
        ("samples", f"{found.request.count:,}, seed {found.request.seed}, batches of {found.request.batch}"),
    ]


def _scale(found: Evaluation, width: int = 900) -> int:
    """Whole-number enlargement that fills the page's width, without smoothing."""
    return max(1, width // (COLUMNS * (found.data.width + 2)))
