"""The page, the record and the table of a sampler sweep."""

from collections.abc import Sequence
from dataclasses import asdict
from html import escape
from typing import Any

from rich.table import Table

from debruit.config import encode
from debruit.evaluation.image_set import REAL_BASELINE
from debruit.evaluation.sampler_sweep import Point, Sweep
from debruit.evaluation.sweep_settings import describe
from debruit.provenance import provenance
from debruit.reports import html, plots, words
from debruit.reports.record import FORMAT, versions_here

NOTE = (
    "Evaluations are of the network per image, each branch of guidance counted. Differences to the best are paired by "
    "image. The best of many settings, chosen and scored on the same samples, looks slightly better than it is: check "
    "it with another seed."
)


def render(sweep: Sweep, command: str, stored: Sequence[str]) -> str:
    """One page: the best setting, the curves, and every setting."""
    about, name = sweep.loaded.about(), escape(sweep.loaded.name)
    header = (
        f"<h1>{name}: samplers</h1><p>{sweep.best.score.count:,} samples per setting from the same noise (seed "
        f"{sweep.seed}), against {len(sweep.split.reference):,} images; {escape(about['process'])}, predicts "
        f"{escape(about['predicts'])}</p>"
    )
    verdict = html.verdict(conclusion(sweep), "good")
    return html.page(
        f"{sweep.loaded.name}: samplers",
        header,
        [
            html.section("Best setting", verdict, *(html.paragraph(line) for line in stored)),
            curves(sweep),
            settings(sweep),
            html.section("Reproduce these numbers", html.code(command)),
        ],
        "Made by debruit. This page is self-contained.",
    )


def conclusion(sweep: Sweep) -> str:
    """The best setting within the budget, compared with the model's, and settings that are not significantly worse."""
    best, own = sweep.best, sweep.points[0]
    chosen, usual = (describe(p.settings, p.evaluations) for p in (best, own))
    score = f"{best.score.label} {words.value(best.score)} ({words.interval(best.score)})"
    text = f"Within {sweep.budget} evaluations {chosen} is best: {score}."
    if own is best:
        text += " That is the model's own setting."
    elif own.gap_to_best is not None and own.gap_to_best.certain:
        text += f" The model's own setting, {usual}, has {words.value(own.score)}."
    else:
        text += (
            f" The model's own setting, {usual}, has {words.value(own.score)}; with so many samples the difference is "
            "not significant."
        )
    others = [p for p in sweep.even if p is not own]
    if others:
        cheapest = min(others, key=lambda p: (p.evaluations, p.score.value))
        text += (
            f" {len(others)} other setting{'s are' if len(others) > 1 else ' is'} not significantly worse either, the "
            f"cheapest {cheapest.name} with {cheapest.evaluations} evaluations ({words.value(cheapest.score)})."
        )
    return text


def curves(sweep: Sweep) -> str:
    """Quality against cost, a curve per sampler."""
    series: dict[str, tuple[list[float], list[float]]] = {}
    for point in sorted(sweep.points, key=lambda p: p.evaluations):
        xs, ys = series.setdefault(point.name, ([], []))
        xs.append(point.evaluations)
        ys.append(point.score.value)
    plot = plots.lines(
        series,
        x="network evaluations per image",
        y=sweep.best.score.label,
        log_x=True,
        log_y=True,
        level=("real images", sweep.real_baseline.value),
    )
    caption = (
        f"Lower is better. The dotted line is the score of {sweep.real_baseline.count:,} real images: no sampler can "
        "be much better."
    )
    return html.section("Quality against cost", html.figure(plot, caption))


def settings(sweep: Sweep) -> str:
    """Every setting, cheapest first."""
    ordered = _cheapest_first(sweep)
    rows = [
        [
            html.cell(p.name + (" (the model's)" if p is sweep.points[0] else ""), describe(p.settings, p.evaluations)),
            html.cell(str(p.evaluations)),
            html.cell(words.value(p.score), words.interval(p.score)),
            html.cell(*_gap(p)),
        ]
        for p in ordered
    ]
    head = ["sampler", "evaluations", sweep.best.score.label, "gap to the best"]
    best = [k for k, p in enumerate(ordered) if p is sweep.best]
    return html.section(
        "All settings",
        html.table(head, rows, numbers=(1, 2, 3), best=best),
        html.paragraph(NOTE, "note"),
        html.paragraph(words.SMALL_SAMPLES, "note"),
    )


def as_record(sweep: Sweep, command: str, stored: Sequence[str]) -> dict[str, Any]:
    """The content of report.json."""
    points = [
        {
            "sampler": p.name,
            "settings": encode(p.settings),
            "evaluations": p.evaluations,
            "score": asdict(p.score),
            "gap_to_best": None if p.gap_to_best is None else asdict(p.gap_to_best),
        }
        for p in sweep.points
    ]
    return {
        "format": FORMAT,
        "kind": "samplers",
        "command": command,
        "model": sweep.loaded.about(),
        "points": points,
        "budget": sweep.budget,
        "best": sweep.points.index(sweep.best),
        REAL_BASELINE: asdict(sweep.real_baseline),
        "seed": sweep.seed,
        "stored": list(stored),
        "network": sweep.network,
        "versions": versions_here(),
        "environment": provenance(),
        "seconds": round(sweep.seconds, 1),
    }


def table(sweep: Sweep) -> Table:
    """The table for the terminal."""
    baseline = words.value(sweep.real_baseline)
    table = Table(
        title=f"{sweep.loaded.name}: {sweep.best.score.count:,} samples per setting, real images {baseline}",
        title_justify="left",
        title_style="bold",
        box=None,
        pad_edge=False,
        padding=(0, 2, 0, 0),
    )
    table.add_column("sampler")
    for name in ("steps", "evaluations", sweep.best.score.label, "95 %", "gap to the best"):
        table.add_column(name, justify="right")
    for p in _cheapest_first(sweep):
        name = p.name + (" (own)" if p is sweep.points[0] else "")
        row = (name, str(p.settings.steps), str(p.evaluations), words.value(p.score), words.interval(p.score))
        table.add_row(*row, _gap(p)[0], style="bold" if p is sweep.best else "")
    return table


def _cheapest_first(sweep: Sweep) -> list[Point]:
    return sorted(sweep.points, key=lambda p: (p.evaluations, p.score.value))


def _gap(point: Point) -> tuple[str, str]:
    """The gap to the best setting, and its interval."""
    if point.gap_to_best is None:
        return "the best", ""
    d = point.gap_to_best
    text = words.number(d.value)
    return (text if d.value < 0 else f"+{text}"), f"{words.number(d.low)} to {words.number(d.high)}"
