"""Tables of scores on a page."""

from collections.abc import Sequence
from html import escape

from debruit.evaluation.result import Evaluation
from debruit.metrics.score import Score
from debruit.reports import html, words
from debruit.reports.reliability import reliability


def with_baseline(chosen: Sequence[Score], evaluation: Evaluation) -> str:
    """A table of scores: samples, real baseline, reconstructed baseline (of latent models), counts, notes."""
    baselines = [evaluation.real_baseline, evaluation.reconstructed_baseline]
    columns = [{s.label: s for s in column} for column in baselines[: 1 + bool(baselines[1])]]
    rows = []
    for s in chosen:
        others = [column.get(s.label) for column in columns]
        unit = f"{s.unit}; " if s.unit and not words.shown_unit(s) else ""
        rows.append(
            [
                html.cell(s.label, (unit + words.ARROWS[s.better]).removesuffix("; ")),
                html.cell(words.value(s), words.interval(s)),
                *(html.cell(words.value(one), _interval(one, evaluation)) if one else "" for one in others),
                html.cell(f"{s.count:,}"),
                note(s, reliability(s, evaluation.networks)),
            ]
        )
    heads = [f"{len(evaluation.split.baseline):,} real images", "the same, reconstructed"][: len(columns)]
    return html.table(["score", "samples", *heads, "N", ""], rows, numbers=range(1, 3 + len(heads)))


def plain(chosen: Sequence[Score], counted: str) -> str:
    """A table of scores without a baseline; `counted` is what their counts are of."""
    rows = [
        [html.cell(s.label), html.cell(words.value(s), words.interval(s)), html.cell(f"{s.count:,}"), note(s)]
        for s in chosen
    ]
    return html.table(["score", "value", counted, ""], rows, numbers=(1, 2))


def note(score: Score, more: str = "") -> str:
    """The note of a score, in small letters."""
    return f'<span class="note">{escape("; ".join(part for part in (score.note, more) if part))}</span>'


def _interval(score: Score, evaluation: Evaluation) -> str:
    """The interval of a baseline score, and its count if it differs from that in the head of the column."""
    counted = f"N = {score.count:,}" if score.count != len(evaluation.split.baseline) else ""
    return ", ".join(part for part in (words.interval(score), counted) if part)
