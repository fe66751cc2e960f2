"""Tables of an evaluation for the terminal."""

from collections.abc import Sequence

from rich.table import Table

from debruit.evaluation.latent_diagnostics import CHANNEL
from debruit.evaluation.result import Evaluation
from debruit.metrics.score import Score
from debruit.reports import words
from debruit.reports.alignment import BY_MASK
from debruit.reports.sections import BY_CLASS

MANY = (BY_CLASS, BY_MASK, CHANNEL)  # names of scores that are on the page only


def scores(shown: Sequence[Score], title: str, **others: Sequence[Score]) -> Table:
    """Rows of score, value, interval, the same score in other columns (named with underscores; empty ones are left
    out), and number of samples."""
    table = Table(title=title, title_justify="left", title_style="bold", pad_edge=False, box=None, padding=(0, 2, 0, 0))
    table.add_column("score")
    columns = {name.replace("_", " "): {s.label: s for s in column} for name, column in others.items() if column}
    for name in ("value", "95 %", *columns, "N"):
        table.add_column(name, justify="right")
    table.add_column("")
    for s in shown:
        cells = [words.value(column[s.label]) if s.label in column else "" for column in columns.values()]
        table.add_row(s.label, words.value(s), words.interval(s), *cells, f"{s.count:,}", words.ARROWS[s.better])
    return table


def left_out(evaluation: Evaluation) -> list[str]:
    """Metrics that were not measured, a line per reason."""
    reasons: dict[str, list[str]] = {}
    for name, reason in evaluation.left_out:
        reasons.setdefault(reason, []).append(name)
    return [f"not measured: {', '.join(names)}: {reason}" for reason, names in reasons.items()]


def tables(evaluation: Evaluation) -> list[Table]:
    """The scores, then those of each analysis."""
    name, data, made = evaluation.loaded.name, evaluation.data.name, []
    if chosen := _few(evaluation.scores):
        reference = len(evaluation.split.reference)
        title = f"{name}: {evaluation.request.count:,} samples against {reference:,} images of {data}"
        others = {"real_images": evaluation.real_baseline, "reconstructed": evaluation.reconstructed_baseline}
        made.append(scores(chosen, title, **others))
    if evaluation.heldout_reconstruction:
        title = f"{name}: reconstructions of images of {data}"
        others = {"training_images": evaluation.train_reconstruction, "gap": evaluation.gaps}
        made.append(scores(evaluation.heldout_reconstruction, title, **others))
    for kind, analysis in evaluation.analyses.items():
        if rows := _few([Score(**s) for s in analysis.get("scores", ())]):
            made.append(scores(rows, kind))
    return made


def _few(scores: Sequence[Score]) -> list[Score]:
    return [s for s in scores if not s.name.startswith(MANY)]
