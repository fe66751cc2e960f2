"""Rows of scores as tables of a page."""

from collections.abc import Sequence
from html import escape

from debruit.evaluation.evaluate import Evaluation
from debruit.evaluation.report import html, words
from debruit.evaluation.score import Score


def beside_real(chosen: Sequence[Score], found: Evaluation) -> str:
    """A table of scores: samples, real images in their place, those once through the model's autoencoder, how many, and what to know."""
    real, through = ({s.label: s for s in side} for side in (found.floor, found.through))
    rows = []
    for s in chosen:
        beside = [real.get(s.label), *([through.get(s.label)] if through else [])]
        unit = f"{s.unit}; " if s.unit and not words.shown_unit(s) else ""
        rows.append([
            html.cell(s.label, (unit + words.ARROWS[s.better]).removesuffix("; ")), html.cell(words.value(s), words.interval(s)),
            *(html.cell(words.value(one), words.interval(one)) if one else "" for one in beside), html.cell(f"{s.count:,}"), note(s),
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


def note(score: Score) -> str:
    """What is to know of a score, in smaller letters."""
    return f'<span class="note">{escape(score.note)}</span>'
