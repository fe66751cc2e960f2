"""Rows of scores as tables of a page."""

from collections.abc import Sequence
from html import escape

from debruit.evaluation.evaluate import Evaluation
from debruit.evaluation.report import html, words
from debruit.evaluation.score import Score


def beside_real(chosen: Sequence[Score], found: Evaluation) -> str:
    """A table of scores: samples, real images in their place, how many, and what to know."""
    real = {s.label: s for s in found.floor}
    rows = []
    for s in chosen:
        beside = real.get(s.label)
        unit = f"{s.unit}; " if s.unit and not words.shown_unit(s) else ""
        rows.append([
            html.cell(s.label, (unit + words.ARROWS[s.better]).removesuffix("; ")), html.cell(words.value(s), words.interval(s)),
            html.cell(words.value(beside), words.interval(beside)) if beside else "", html.cell(f"{s.count:,}"),
            f'<span class="note">{escape(s.note)}</span>',
        ])  # fmt: skip
    return html.table(
        ["score", "samples", f"{len(found.division.floor):,} real images", "N", ""], rows, numbers=(1, 2, 3)
    )


def plain(chosen: Sequence[Score], what: str) -> str:
    """A table of figures that real images have no part in."""
    rows = [
        [html.cell(s.label), html.cell(words.value(s), words.interval(s)), html.cell(f"{s.count:,}"), f'<span class="note">{escape(s.note)}</span>']
        for s in chosen
    ]  # fmt: skip
    return html.table(["figure", "value", what, ""], rows, numbers=(1, 2))
