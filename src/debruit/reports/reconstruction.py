"""The autoencoder on a page, of a latent model or by itself: reconstructions, their scores, and statistics of the
latents."""

from collections.abc import Sequence

import numpy as np
import torch

from debruit.autoencoders.fidelity import psnr
from debruit.evaluation.image_set import HELDOUT_RECONSTRUCTION, TRAIN_RECONSTRUCTION, ImageSet
from debruit.evaluation.latent_diagnostics import CHANNEL
from debruit.evaluation.result import Evaluation
from debruit.images.figures import displayable, grid
from debruit.metrics.score import Score
from debruit.metrics.values import unit
from debruit.reports import html, words
from debruit.reports.rows import note, plain

COLUMNS, WIDTH = 16, 900
CEILING = (
    "Diffusion on latents cannot restore what the autoencoder loses: a perfect diffusion model would generate images "
    "like the reconstructed ones, whose scores are in the column of reconstructed real images. They are an upper limit "
    "for the model, not a claim that it reaches it. The autoencoder may have been trained on some of these images."
)
RFD = (
    "rFD is the Frechet distance between features of the reconstructions and of their originals, the same images on "
    "both sides: it measures what encoding and decoding change, and is comparable at equal N only. It is not FID, nor "
    "a distance of samples to data."
)
LATENTS = (
    "Mean and standard deviation of the latents as diffusion sees them: shifted and scaled so that they are 0 and 1 "
    "over the training images. A channel far from that on other images means that these differ from the training "
    "images; one of standard deviation 0 carries no information."
)


def autoencoder(evaluation: Evaluation) -> str:
    """Images, scores and statistics of the latents; "" for a model of pixels."""
    scores = evaluation.heldout_reconstruction
    if not scores and "codec" not in evaluation.analyses:
        return ""
    alone = evaluation.conditions is None
    return html.section(
        "Reconstruction" if alone else "Autoencoder",
        *sheets(evaluation),
        table(evaluation),
        html.paragraph("" if alone else CEILING, "note"),
        html.paragraph(RFD if any(s.name == "rfd" for s in scores) else "", "note"),
        *latents(evaluation),
    )


def sheets(evaluation: Evaluation) -> list[str]:
    """The first images and the worst ones, each above its reconstruction."""
    images = _reconstructions(evaluation)
    if images is None or images.originals is None:
        return []
    pairs = zip(images.originals.images.split(256), images.images.split(256), strict=True)
    fidelity = torch.cat([psnr(unit(a, images.spec), unit(b, images.spec), value_range=1) for a, b in pairs]).numpy()
    worst = np.argsort(fidelity, kind="stable")[:COLUMNS]
    span = f"{fidelity[worst[0]]:.1f} to {fidelity[worst[-1]]:.1f} dB"
    first = f"{_description(evaluation)}, not selected: originals above, reconstructions below."
    last = f"The {len(worst)} worst reconstructions of {len(images):,}, by PSNR ({span})."
    return [_sheet(images, np.arange(min(COLUMNS, len(images))), first), _sheet(images, worst, last)]


def table(evaluation: Evaluation) -> str:
    """A row per score: held-out images, training images, and the gap if both are known."""
    if not evaluation.heldout_reconstruction:
        return ""
    heads = columns(evaluation)
    train, gaps = ({s.label: s for s in scores} for scores in (evaluation.train_reconstruction, evaluation.gaps))
    lines = []
    for s in evaluation.heldout_reconstruction:
        unit_ = f"{s.unit}; " if s.unit and not words.shown_unit(s) else ""
        cells = [html.cell(s.label, (unit_ + words.ARROWS[s.better]).removesuffix("; "))]
        row: Sequence[Score | None] = [s, train.get(s.label), gaps.get(s.label)][: len(heads) - 3]
        cells += [html.cell(words.value(one), words.interval(one)) if one else "" for one in row]
        lines.append([*cells, html.cell(f"{s.count:,}"), note(s)])
    return html.table(heads, lines, numbers=range(1, len(heads) - 1))


def columns(evaluation: Evaluation) -> list[str]:
    """The heads of the table."""
    if evaluation.conditions is not None:
        return ["score", "reconstructed real images", "N", ""]
    if not evaluation.split.own:
        return ["score", f"images of {evaluation.data.name}", "N", ""]
    if not evaluation.train_reconstruction:
        own = "held-out images" if HELDOUT_RECONSTRUCTION in evaluation.sets else "training images"
        return ["score", own, "N", ""]
    return ["score", "held-out images", "training images", "gap", "N", ""]


def latents(evaluation: Evaluation) -> list[str]:
    """Statistics of the latents: rate or codebook, and each channel's mean and standard deviation."""
    if "codec" not in evaluation.analyses:
        return []
    rows = [Score(**s) for s in evaluation.analyses["codec"]["scores"]]
    channels = [s for s in rows if s.name.startswith(CHANNEL)]
    whole = [s for s in rows if s not in channels]
    means, spreads = ([s for s in channels if s.name.endswith(end)] for end in ("mean", "spread"))
    lines = [
        [
            html.cell(mean.label.partition(":")[0].removeprefix("channel ")),
            *(html.cell(words.value(s), words.interval(s)) for s in (mean, spread)),
        ]
        for mean, spread in zip(means, spreads, strict=True)
    ]
    return [
        "<h3>Latents</h3>",
        plain(whole, "N") if whole else "",
        html.table(["channel", "mean", "standard deviation"], lines, numbers=(1, 2)),
        html.paragraph(LATENTS, "note"),
    ]


def _reconstructions(evaluation: Evaluation) -> ImageSet | None:
    return evaluation.sets.get(HELDOUT_RECONSTRUCTION, evaluation.sets.get(TRAIN_RECONSTRUCTION))


def _sheet(images: ImageSet, indices: np.ndarray, caption: str) -> str:
    """Originals in one row, their reconstructions below."""
    assert images.originals is not None
    rows = torch.cat([images.originals.images[indices], images.images[indices]])
    scale = max(1, WIDTH // (COLUMNS * (images.spec.width + 2)))
    sheet = grid(displayable(rows, images.spec), columns=len(indices), scale=scale)
    return html.figure(html.image(sheet, "originals above their reconstructions"), caption)


def _description(evaluation: Evaluation) -> str:
    """The reconstructed images, as a clause."""
    if HELDOUT_RECONSTRUCTION not in evaluation.sets:
        return "Training images, since none were held out"
    if evaluation.conditions is not None:
        return f"Real images {evaluation.baseline_description}"
    if not evaluation.split.own:
        return f"Images of {evaluation.data.name}, which it was not trained on"
    return "Images that were held out of its training"
