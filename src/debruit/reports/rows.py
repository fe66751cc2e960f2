"""Rows of scores as tables of a page."""

from collections.abc import Sequence
from html import escape

from debruit.evaluation.pipeline import Evaluation
from debruit.metrics.score import Score
from debruit.reports import html, words
from debruit.reports.judged import own_figure


def beside_real(chosen: Sequence[Score], found: Evaluation) -> str:
    """A table of scores: samples, real images in their place, those once through the model's autoencoder, how many, and what to know."""
    real, through = ({s.label: s for s in side} for side in (found.floor, found.through))
    rows = []
    for s in chosen:
        beside = [real.get(s.label), *([through.get(s.label)] if through else [])]
        unit = f"{s.unit}; " if s.unit and not words.shown_unit(s) else ""
        rows.append([
            html.cell(s.label, (unit + words.ARROWS[s.better]).removesuffix("; ")), html.cell(words.value(s), words.interval(s)),
            *(html.cell(words.value(one), _beside(one, found)) if one else "" for one in beside), html.cell(f"{s.count:,}"),
            note(s, own_figure(s, found.networks)),
        ])  # fmt: skip
    heads = [f"{len(found.division.floor):,} real images", *(["the same, decoded"] if through else [])]
    return html.table(["score", "samples", *heads, "N", ""], rows, numbers=range(1, 3 + len(heads)))


def plain(chosen: Sequence[Score], what: str) -> str:
    """A table of figures that real images have no part in."""
    rows = [
        [html.cell(s.label), html.cell(words.value(s), words.interval(s)), html.cell(f"{s.count:,}"), note(s)]
        for s in chosen
    ]  # fmt: skip
    return html.table(["figure", "value", what, ""], rows, numbers=(1, 2))


def note(score: Score, more: str = "") -> str:
    """What is to know of a score, in smaller letters."""
    return f'<span class="note">{escape("; ".join(part for part in (score.note, more) if part))}</span>'


def _beside(score: Score, found: Evaluation) -> str:
    """The interval of a score of real images, and how many, where that is not the number in the head of the column."""
    counted = f"N = {score.count:,}" if score.count != len(found.division.floor) else ""
    return ", ".join(part for part in (words.interval(score), counted) if part)
