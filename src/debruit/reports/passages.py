"""The part of a page that an autoencoder has, by itself or inside of a latent model: what becomes of images, and the health of its latents."""

from collections.abc import Sequence

import numpy as np
import torch

from debruit.autoencoders.fidelity import psnr
from debruit.evaluation.image_set import ImageSet
from debruit.evaluation.latent_diagnostics import CHANNEL
from debruit.evaluation.loaded import LoadedAutoencoder
from debruit.evaluation.pipeline import Evaluation
from debruit.images import pictures
from debruit.metrics.score import Score
from debruit.metrics.values import unit
from debruit.reports import html, words
from debruit.reports.rows import note, plain

COLUMNS, WIDTH = 16, 900
CEILING = (
    "What its autoencoder loses, no diffusion on its latents can bring back: a diffusion without fault would draw images like the decoded ones, and "
    "the column of decoded images among the scores is what those attain. It is a ceiling for the model, not a claim that the model reaches it. The "
    "autoencoder may have been trained on some of these images."
)
RFD = (
    "rFD is the Frechet distance between features of the decoded images and of their originals, the same images on both sides: it says what the "
    "passage changes, and at equal N only. It is no FID, and no distance of samples to data."
)


def autoencoder(found: Evaluation) -> str:
    """Pictures, the table, the health of the latents; nothing for a model of pixels."""
    if not found.decoded and "codec" not in found.analyses:
        return ""
    alone = isinstance(found.subject, LoadedAutoencoder)
    return html.section(
        "Reconstruction" if alone else "Its autoencoder", *sheets(found), table(found), html.paragraph("" if alone else CEILING, "note"),
        html.paragraph(RFD if any(s.name == "rfd" for s in found.decoded) else "", "note"), *health(found),
    )  # fmt: skip


def sheets(found: Evaluation) -> list[str]:
    """The first images and the worst ones, each above what became of it."""
    side = found.sides.get("decoded", found.sides.get("seen"))
    if side is None or side.originals is None:
        return []
    fidelity = torch.cat(
        [
            psnr(unit(a, side.spec), unit(b, side.spec), value_range=1)
            for a, b in zip(side.originals.images.split(256), side.images.split(256), strict=True)
        ]
    ).numpy()
    worst = np.argsort(fidelity, kind="stable")[:COLUMNS]
    which = _which(found)
    return [
        _sheet(side, np.arange(min(COLUMNS, len(side))), f"{which}, not chosen: originals above, what became of them below."),
        _sheet(side, worst, f"The {len(worst)} of {len(side):,} that came back worst, by PSNR ({fidelity[worst[0]]:.1f} to {fidelity[worst[-1]]:.1f} dB)."),
    ]  # fmt: skip


def _sheet(side: ImageSet, places: np.ndarray, caption: str) -> str:
    """Two rows of pictures."""
    assert side.originals is not None
    rows = torch.cat([side.originals.images[places], side.images[places]])
    scale = max(1, WIDTH // (COLUMNS * (side.spec.width + 2)))
    sheet = pictures.grid(pictures.displayable(rows, side.spec), columns=len(places), scale=scale)
    return html.figure(html.picture(sheet, "originals above their reconstructions"), caption)


def _which(found: Evaluation) -> str:
    """The images of the first column, in words."""
    side = found.sides.get("decoded")
    if side is None:
        return "Images that it was trained on, since none were held out"
    if isinstance(found.subject, LoadedAutoencoder) and not found.division.own:
        return f"Images of {found.data.name}, which it was not trained on"
    return (
        "Images that were held out of its training"
        if isinstance(found.subject, LoadedAutoencoder)
        else f"Real images {found.own_floor}"
    )


def table(found: Evaluation) -> str:
    """A row a score: held-out images, training images, and the gap where both are there."""
    if not found.decoded:
        return ""
    heads = columns(found)
    seen, gaps = ({s.label: s for s in side} for side in (found.seen, found.gaps))
    lines = []
    for s in found.decoded:
        unit_ = f"{s.unit}; " if s.unit and not words.shown_unit(s) else ""
        cells = [html.cell(s.label, (unit_ + words.ARROWS[s.better]).removesuffix("; "))]
        row: Sequence[Score | None] = [s, seen.get(s.label), gaps.get(s.label)][: len(heads) - 3]
        cells += [html.cell(words.value(one), words.interval(one)) if one else "" for one in row]
        lines.append([*cells, html.cell(f"{s.count:,}"), note(s)])
    return html.table(heads, lines, numbers=range(1, len(heads) - 1))


def columns(found: Evaluation) -> list[str]:
    """The heads of the table."""
    if not isinstance(found.subject, LoadedAutoencoder):
        return ["score", "decoded real images", "N", ""]
    if not found.division.own:
        return ["score", f"images of {found.data.name}", "N", ""]
    if not found.seen:
        return ["score", "held-out images" if "decoded" in found.sides else "training images", "N", ""]
    return ["score", "held-out images", "training images", "gap", "N", ""]


def health(found: Evaluation) -> list[str]:
    """The latents: rate or codebook, and each channel's mean and spread."""
    if "codec" not in found.analyses:
        return []
    rows = [Score(**s) for s in found.analyses["codec"]["scores"]]
    channels = [s for s in rows if s.name.startswith(CHANNEL)]
    whole = [s for s in rows if s not in channels]
    means, spreads = ([s for s in channels if s.name.endswith(end)] for end in ("mean", "spread"))
    lines = [
        [html.cell(m.label.partition(":")[0].removeprefix("channel ")), *(html.cell(words.value(s), words.interval(s)) for s in (m, spread))]
        for m, spread in zip(means, spreads, strict=True)
    ]  # fmt: skip
    return [
        "<h3>Latents</h3>", plain(whole, "N") if whole else "", html.table(["channel", "mean", "spread"], lines, numbers=(1, 2)),
        html.paragraph(
            "Mean and spread of the latents as diffusion sees them: shifted and scaled so that both are 0 and 1 over the training images. A channel far from "
            "that on other images means that those are of another kind; one of spread 0 carries nothing.", "note",
        ),
    ]  # fmt: skip
