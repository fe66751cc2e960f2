"""The page, the record and the table of a comparison."""

from collections.abc import Sequence
from html import escape
from typing import Any

from rich.table import Table

from debruit.evaluation.compare import Comparison
from debruit.evaluation.image_set import SAMPLES
from debruit.images.figures import displayable, grid
from debruit.metrics.paired import Difference
from debruit.metrics.score import Score
from debruit.provenance import provenance
from debruit.reports import html, words
from debruit.reports.alignment import BY_MASK
from debruit.reports.record import FORMAT, evaluations, record, versions_here
from debruit.reports.sections import BY_CLASS
from debruit.sampling.guidance import weights
from debruit.sampling.sampler import name_of

COLUMNS = 16
EXPLANATION = (
    "All models sample from the same noise and with the same conditions: sample k of each model has the same noise and "
    "the same class, or the same conditions of a real image. Differences to the first model are paired by image, so "
    "they can be significant although the intervals of the scores overlap. Intervals are 95 % over the choice of "
    "samples. They do not include the choice of the training's seed: two trainings of one recipe differ too."
)


def render(comparison: Comparison, command: str) -> str:
    """One page for all models."""
    first = comparison.evaluations[0]
    names = [e.loaded.name for e in comparison.evaluations]
    header = (
        f"<h1>{escape(' · '.join(names))}</h1><p>{first.request.count:,} samples each, seed {first.request.seed}, "
        f"against {len(first.split.reference):,} images of {escape(first.data.name)}</p>"
    )
    reproduce = html.section("Reproduce these numbers", html.code(command))
    sections = [scores(comparison), samples(comparison), models(comparison), reproduce]
    return html.page(f"{len(names)} models compared", header, sections, "Made by debruit. This page is self-contained.")


def scores(comparison: Comparison) -> str:
    """A row per score, a column per model, differences to the first below the values; classes one by one are folded
    away."""
    rows = _rows(comparison)
    by_class = [row for row in rows if _of_one_class(row[1])]
    return html.section(
        "Scores",
        _table(comparison, [row for row in rows if row not in by_class]),
        html.details("Classes one by one", _table(comparison, by_class)) if by_class else "",
        *(html.paragraph(text, "note") for text in (EXPLANATION, words.SMALL_SAMPLES, words.NOT_FID)),
    )


def samples(comparison: Comparison) -> str:
    """A strip of each model's first images, from the same noise."""
    figures = []
    for one in comparison.evaluations:
        images, spec = one.sets[SAMPLES].images[:COLUMNS], one.sets[SAMPLES].spec
        scale = max(1, 900 // (COLUMNS * (spec.width + 2)))
        strip = grid(displayable(images, spec), columns=COLUMNS, scale=scale)
        figures.append(html.figure(html.image(strip, f"samples of {one.loaded.name}"), one.loaded.name))
    note = "Images in one column come from the same noise; none was selected."
    return html.section("Samples", *figures, html.paragraph(note, "note"))


def models(comparison: Comparison) -> str:
    """Size, training and sampling settings of each model."""
    head = ["model", "parameters", "images seen", "process", "predicts", "sampler", "evaluations", "guidance"]
    rows = []
    for one in comparison.evaluations:
        about, own = one.loaded.about(), one.model.settings()
        images = about["provenance"].get("images_seen")
        cells = (
            f"{about['parameters'] / 1e6:.2f} M",
            f"{images:,}" if isinstance(images, int) else "?",
            about["process"],
            about["predicts"],
            name_of(own.sampler),
            str(evaluations(one)),
            weights.describe(own.guidance),
        )
        name = html.cell(one.loaded.name, f"sha256 {one.loaded.digest[:12]}…")
        rows.append([name, *(html.cell(text) for text in cells)])
    return html.section("Models", html.table(head, rows, numbers=(1, 2, 6, 7)))


def as_record(comparison: Comparison, command: str) -> dict[str, Any]:
    """The content of report.json: the evaluations, and the differences of each to the first."""
    return {
        "format": FORMAT,
        "kind": "comparison",
        "command": command,
        "evaluations": [record(one, command) for one in comparison.evaluations],
        "differences": [
            {label: vars(d) | {"verdict": d.verdict} for label, d in differences.items()}
            for differences in comparison.differences
        ],
        "versions": versions_here(),
        "environment": provenance(),
    }


def table(comparison: Comparison) -> Table:
    """The table for the terminal, without the scores of single classes."""
    first = comparison.evaluations[0]
    table = Table(
        title=f"{first.request.count:,} samples each against {first.data.name}; in brackets: minus the first",
        title_justify="left",
        title_style="bold",
        box=None,
        pad_edge=False,
        padding=(0, 2, 0, 0),
    )
    table.add_column("score")
    for one in comparison.evaluations:
        table.add_column(one.loaded.name, justify="right", overflow="fold")
    for label, row in _rows(comparison):
        if _of_one_class(row):
            continue
        cells = []
        for score, differences in zip(row, comparison.differences, strict=True):
            d = differences.get(label)
            text = "" if score is None else words.value(score)
            cells.append(text + (f" ({_signed(d, score)}, {d.verdict})" if d and score is not None else ""))
        table.add_row(label, *cells)
    return table


def _table(comparison: Comparison, rows: Sequence[tuple[str, list[Score | None]]]) -> str:
    head = ["score", *(e.loaded.name for e in comparison.evaluations), "real images"]
    real = {s.label: s for s in comparison.evaluations[0].real_baseline}
    lines = []
    for label, row in rows:
        cells = [html.cell(label, next(words.ARROWS[s.better] for s in row if s is not None))]
        cells += [_cell(score, own.get(label)) for score, own in zip(row, comparison.differences, strict=True)]
        lines.append([*cells, html.cell(words.value(real[label])) if label in real else ""])
    return html.table(head, lines, numbers=range(1, len(head)))


def _of_one_class(row: Sequence[Score | None]) -> bool:
    return any(s is not None and s.name.startswith((BY_CLASS, BY_MASK)) for s in row)


def _rows(comparison: Comparison) -> list[tuple[str, list[Score | None]]]:
    """Labels in the order of the first model that has them, with each model's score."""
    known = [{s.label: s for s in one.scores} for one in comparison.evaluations]
    labels = dict.fromkeys(label for scores in known for label in scores)
    return [(label, [scores.get(label) for scores in known]) for label in labels]


def _cell(score: Score | None, difference: Difference | None) -> str:
    if score is None:
        return ""
    if difference is None:
        return html.cell(words.value(score), words.interval(score))
    unit = words.shown_unit(score)
    span = f"{words.number(difference.low, unit)} to {words.number(difference.high, unit)}"
    return html.cell(words.value(score), f"{_signed(difference, score)} ({span}): {difference.verdict}")


def _signed(difference: Difference, score: Score) -> str:
    text = words.number(difference.value, words.shown_unit(score))
    return text if difference.value < 0 else f"+{text}"
