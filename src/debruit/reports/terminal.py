"""The same table for the terminal."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from debruit.evaluation.latent_diagnostics import CHANNEL
from debruit.evaluation.pipeline import Evaluation
from debruit.metrics.score import Score
from debruit.reports import words
from debruit.reports.conditions import BY_MASK
from debruit.reports.sections import BY_CLASS


def scores(found: Sequence[Score], title: str, **beside: Sequence[Score]) -> Table:
    """Rows of score, value, interval, what others score (a column each, named with underscores; empty ones are left out), and the number of
    samples."""
    table = Table(title=title, title_justify="left", title_style="bold", pad_edge=False, box=None, padding=(0, 2, 0, 0))
    table.add_column("score")
    columns = {name.replace("_", " "): {s.label: s for s in side} for name, side in beside.items() if side}
    for name in ("value", "95 %", *columns, "N"):
        table.add_column(name, justify="right")
    table.add_column("")
    for s in found:
        others = [words.value(side[s.label]) if s.label in side else "" for side in columns.values()]
        table.add_row(s.label, words.value(s), words.interval(s), *others, f"{s.count:,}", words.ARROWS[s.better])
    return table


def show(*parts: object) -> None:
    """On the standard output, as wide as it is (100 columns where it is no terminal)."""
    console = Console(soft_wrap=False, width=None if Console().is_terminal else 110, highlight=False)
    for part in parts:
        console.print(part)


def left_out(found: Evaluation) -> list[str]:
    """What was not measured, a line a reason."""
    reasons: dict[str, list[str]] = {}
    for name, reason in found.left_out:
        reasons.setdefault(reason, []).append(name)
    return [f"not measured: {', '.join(names)}: {reason}" for reason, names in reasons.items()]


def tables(found: Evaluation) -> list[Table]:
    """The scores, then the figures of each analysis."""
    shown = []
    chosen = [s for s in found.scores if not s.name.startswith((BY_CLASS, BY_MASK))]  # those are many, and on the page
    if chosen:
        title = f"{found.subject.name}: {found.request.count:,} samples against {len(found.division.reference):,} images of {found.data.name}"
        shown.append(scores(chosen, title, real_images=found.floor, decoded=found.through))
    if found.decoded:
        title = f"{found.subject.name}: images of {found.data.name} through the autoencoder"
        shown.append(scores(found.decoded, title, training_images=found.seen, gap=found.gaps))
    for name, analysis in found.analyses.items():
        rows = [Score(**s) for s in analysis.get("scores", ())]
        rows = [s for s in rows if not s.name.startswith(CHANNEL)]  # and so are these
        if rows:
            shown.append(scores(rows, name))
    return shown
