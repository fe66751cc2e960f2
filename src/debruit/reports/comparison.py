"""The page, the record and the table of a comparison."""

from collections.abc import Sequence
from html import escape
from typing import Any

from rich.table import Table

from debruit.evaluation.compare import Comparison
from debruit.evaluation.loaded import LoadedModel
from debruit.images import pictures
from debruit.metrics.paired import Difference
from debruit.metrics.score import Score
from debruit.provenance import provenance
from debruit.reports import html, words
from debruit.reports.conditions import BY_MASK
from debruit.reports.record import FORMAT, evaluations, record, versions_here
from debruit.reports.sections import BY_CLASS
from debruit.sampling.guidance import weights
from debruit.sampling.sampler import name_of

COLUMNS = 16
EXPLANATION = (
    "Every model drew the same images: image k of each comes from the same noise and is asked for the same, where anything is asked for: a class, or what "
    "a real image has. Differences to the first model are paired image by image, so that they are often certain where the intervals of the figures "
    "themselves overlap; their intervals are 95 % over the choice of samples. They do not hold the choice of the training's seed: two trainings of one "
    "recipe differ too."
)


def render(found: Comparison, command: str) -> str:
    """One page for all models."""
    first = found.evaluations[0]
    names = [e.subject.name for e in found.evaluations]
    header = (
        f"<h1>{escape(' · '.join(names))}</h1><p>{first.request.count:,} samples each, seed {first.request.seed}, against "
        f"{len(first.division.reference):,} images of {escape(first.data.name)}</p>"
    )
    return html.page(
        f"{len(names)} models compared",
        header,
        [scores(found), samples(found), models(found), html.section("The same figures again", html.code(command))],
        "Made by debruit. This page needs nothing but itself.",
    )


def scores(found: Comparison) -> str:
    """A row a score, a column a model, differences to the first below the values; classes one by one are folded away."""
    rows = _rows(found)
    by_class = [row for row in rows if _one_class(row[1])]
    return html.section(
        "Scores",
        _table(found, [row for row in rows if row not in by_class]),
        html.details("Classes one by one", _table(found, by_class)) if by_class else "",
        html.paragraph(EXPLANATION, "note"),
        html.paragraph(words.SMALL_SAMPLES, "note"),
        html.paragraph(words.NOT_FID, "note"),
    )


def _table(found: Comparison, rows: Sequence[tuple[str, list[Score | None]]]) -> str:
    head = ["score", *(e.subject.name for e in found.evaluations), "real images"]
    real = {s.label: s for s in found.evaluations[0].floor}
    lines = []
    for label, row in rows:
        cells = [html.cell(label, next(words.ARROWS[s.better] for s in row if s is not None))]
        cells += [_cell(score, own.get(label)) for score, own in zip(row, found.differences, strict=True)]
        lines.append([*cells, html.cell(words.value(real[label])) if label in real else ""])
    return html.table(head, lines, numbers=range(1, len(head)))


def _one_class(row: Sequence[Score | None]) -> bool:
    return any(s is not None and s.name.startswith((BY_CLASS, BY_MASK)) for s in row)


def samples(found: Comparison) -> str:
    """A strip of each model's first images, from the same noise."""
    shown = []
    for one in found.evaluations:
        side = one.sides["samples"]
        scale = max(1, 900 // (COLUMNS * (side.spec.width + 2)))
        strip = pictures.grid(pictures.displayable(side.images[:COLUMNS], side.spec), columns=COLUMNS, scale=scale)
        shown.append(html.figure(html.picture(strip, f"samples of {one.subject.name}"), one.subject.name))
    return html.section(
        "Samples",
        *shown,
        html.paragraph("Images in one column come from the same noise; none was chosen.", "note"),
    )


def models(found: Comparison) -> str:
    """What each model is."""
    head = ["model", "parameters", "images seen", "process", "predicts", "sampler", "evaluations", "guidance"]
    rows = []
    for one in found.evaluations:
        assert isinstance(one.subject, LoadedModel), "autoencoders are not compared"
        about, own = one.subject.about(), one.subject.model.settings()
        seen = about["provenance"].get("images_seen")
        rows.append(
            [
                html.cell(one.subject.name, f"sha256 {one.subject.digest[:12]}…"), html.cell(f"{about['parameters'] / 1e6:.2f} M"),
                html.cell(f"{seen:,}" if isinstance(seen, int) else "?"), html.cell(about["process"]), html.cell(about["predicts"]),
                html.cell(name_of(own.sampler)), html.cell(str(evaluations(one))), html.cell(weights.in_words(own.guidance)),
            ]
        )  # fmt: skip
    return html.section("Models", html.table(head, rows, numbers=(1, 2, 6, 7)))


def as_record(found: Comparison, command: str) -> dict[str, Any]:
    """What `report.json` of a comparison holds: the evaluations, and the differences of each to the first."""
    return {
        "format": FORMAT,
        "kind": "comparison",
        "command": command,
        "evaluations": [record(one, command) for one in found.evaluations],
        "differences": [
            {label: vars(d) | {"verdict": d.verdict} for label, d in differences.items()}
            for differences in found.differences
        ],
        "versions": versions_here(),
        "environment": provenance(),
    }


def table(found: Comparison) -> Table:
    """For the terminal."""
    first = found.evaluations[0]
    shown = Table(
        title=f"{first.request.count:,} samples each against {first.data.name}; in brackets the difference to the first, paired",
        title_justify="left", title_style="bold", box=None, pad_edge=False, padding=(0, 2, 0, 0),
    )  # fmt: skip
    shown.add_column("score")
    for one in found.evaluations:
        shown.add_column(one.subject.name, justify="right", overflow="fold")
    for label, row in _rows(found):
        if _one_class(row):
            continue  # those are many, and on the page
        cells = []
        for score, differences in zip(row, found.differences, strict=True):
            d = differences.get(label)
            cells.append(
                "" if score is None else words.value(score) + (f" ({_signed(d, score)}, {d.verdict})" if d else "")
            )
        shown.add_row(label, *cells)
    return shown


def _rows(found: Comparison) -> list[tuple[str, list[Score | None]]]:
    """Labels in the order of the first model that has them, with each model's score."""
    known = [{s.label: s for s in one.scores} for one in found.evaluations]
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
