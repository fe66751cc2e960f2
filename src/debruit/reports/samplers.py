"""The page, the record and the table of quality against network evaluations."""

from dataclasses import asdict
from html import escape
from typing import Any

from rich.table import Table

from debruit.config import encode
from debruit.evaluation.sampler_sweep import Point, Quality, in_words
from debruit.provenance import provenance
from debruit.reports import html, plots, words
from debruit.reports.record import FORMAT, versions_here


def render(found: Quality, command: str, stored: list[str]) -> str:
    """One page: the curve, every setting, and which is best."""
    about = found.subject.about()
    header = (
        f"<h1>{escape(found.subject.name)}: samplers</h1><p>{found.best.score.count:,} samples a setting from the same noise (seed {found.seed}), against "
        f"{len(found.division.reference):,} images; {escape(about['process'])}, predicts {escape(about['predicts'])}</p>"
    )
    return html.page(
        f"{found.subject.name}: samplers",
        header,
        [
            html.section(
                "Which one", html.verdict(conclusion(found), "good"), *(html.paragraph(line) for line in stored)
            ),
            curves(found),
            settings(found),
            html.section("The same figures again", html.code(command)),
        ],
        "Made by debruit. This page needs nothing but itself.",
    )


def conclusion(found: Quality) -> str:
    """The best setting within the budget, what it beats, and what cannot be told from it."""
    best, own = found.best, found.points[0]
    chosen, usual = (in_words(p.settings, p.evaluations) for p in (best, own))
    text = f"Within {found.budget} evaluations {chosen} is best: {best.score.label} {words.value(best.score)} ({words.interval(best.score)})."
    if own is best:
        text += " That is what the model does already."
    elif own.behind is not None and own.behind.certain:
        text += f" The model's own setting, {usual}, has {words.value(own.score)}."
    else:
        text += f" The model's own setting, {usual}, has {words.value(own.score)} and cannot be told from it with so many samples."
    others = [p for p in found.even if p is not own]
    if others:
        cheapest = min(others, key=lambda p: (p.evaluations, p.score.value))
        text += (
            f" {len(others)} other setting{'s' if len(others) > 1 else ''} cannot be told from the best either, the cheapest of them "
            f"{cheapest.name} with {cheapest.evaluations} evaluations ({words.value(cheapest.score)})."
        )
    return text


def curves(found: Quality) -> str:
    """Quality against cost, a curve a sampler."""
    series: dict[str, tuple[list[float], list[float]]] = {}
    for point in sorted(found.points, key=lambda p: p.evaluations):
        xs, ys = series.setdefault(point.name, ([], []))
        xs.append(point.evaluations)
        ys.append(point.score.value)
    drawn = plots.lines(
        series, x="network evaluations an image", y=found.best.score.label, log_x=True, log_y=True, level=("real images", found.floor.value)
    )  # fmt: skip
    return html.section(
        "Quality against cost",
        html.figure(
            drawn,
            f"Lower is better. The dotted line is what {found.floor.count:,} real images score: no sampler can do much better.",
        ),
    )


def settings(found: Quality) -> str:
    """Every setting, cheapest first."""
    ordered = sorted(found.points, key=lambda p: (p.evaluations, p.score.value))
    rows = [
        [
            html.cell(p.name + (" (the model's own)" if p is found.points[0] else ""), in_words(p.settings, p.evaluations)), html.cell(str(p.evaluations)),
            html.cell(words.value(p.score), words.interval(p.score)), html.cell(*_behind(p)),
        ]
        for p in ordered
    ]  # fmt: skip
    head = ["sampler", "evaluations", found.best.score.label, "behind the best"]
    best = [k for k, p in enumerate(ordered) if p is found.best]
    note = (
        "Evaluations are of the network for one image, each branch of guidance counted. Differences to the best are "
        "paired by image. The best of many settings, chosen and judged on the same samples, looks a little better than it is: a seed of its own is the check."
    )
    return html.section("All settings", html.table(head, rows, numbers=(1, 2, 3), best=best), html.paragraph(note, "note"),
                        html.paragraph(words.SMALL_SAMPLES, "note"))  # fmt: skip


def as_record(found: Quality, command: str, stored: list[str]) -> dict[str, Any]:
    """What `report.json` of the samplers holds."""
    points = [
        {
            "sampler": p.name, "settings": encode(p.settings), "evaluations": p.evaluations, "score": asdict(p.score),
            "behind": None if p.behind is None else asdict(p.behind),
        }
        for p in found.points
    ]  # fmt: skip
    return {
        "format": FORMAT, "kind": "samplers", "command": command, "model": found.subject.about(), "points": points, "budget": found.budget,
        "best": found.points.index(found.best), "floor": asdict(found.floor), "seed": found.seed, "stored": stored, "network": found.network,
        "versions": versions_here(), "environment": provenance(), "seconds": round(found.seconds, 1),
    }  # fmt: skip


def table(found: Quality) -> Table:
    """For the terminal."""
    shown = Table(
        title=f"{found.subject.name}: {found.best.score.count:,} samples a setting, real images {words.value(found.floor)}",
        title_justify="left", title_style="bold", box=None, pad_edge=False, padding=(0, 2, 0, 0),
    )  # fmt: skip
    shown.add_column("sampler")
    for name in ("steps", "evaluations", found.best.score.label, "95 %", "behind the best"):
        shown.add_column(name, justify="right")
    for p in sorted(found.points, key=lambda p: (p.evaluations, p.score.value)):
        name = p.name + (" (own)" if p is found.points[0] else "")
        row = (
            name,
            str(p.settings.steps),
            str(p.evaluations),
            words.value(p.score),
            words.interval(p.score),
            _behind(p)[0],
        )
        shown.add_row(*row, style="bold" if p is found.best else "")
    return shown


def _behind(point: Point) -> tuple[str, str]:
    if point.behind is None:
        return "the best", ""
    d = point.behind
    text = words.number(d.value)
    return (text if d.value < 0 else f"+{text}"), f"{words.number(d.low)} to {words.number(d.high)}"
