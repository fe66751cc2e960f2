"""The same table for the terminal."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from debruit.evaluation.evaluate import Evaluation
from debruit.evaluation.report import words
from debruit.evaluation.report.sections import BY_CLASS
from debruit.evaluation.score import Score


def scores(found: Sequence[Score], floor: Sequence[Score], title: str) -> Table:
    """Rows of score, value, interval, what real images score, and the number of samples."""
    table = Table(title=title, title_justify="left", title_style="bold", pad_edge=False, box=None, padding=(0, 2, 0, 0))
    table.add_column("score")
    for name in ("value", "95 %", *(["real images"] if floor else []), "N"):
        table.add_column(name, justify="right")
    table.add_column("")
    real = {s.label: s for s in floor}
    for s in found:
        beside = [words.value(real[s.label]) if s.label in real else ""] if floor else []
        table.add_row(s.label, words.value(s), words.interval(s), *beside, f"{s.count:,}", words.ARROWS[s.better])
    return table


def show(*parts: object) -> None:
    """On the standard output, as wide as it is (100 columns where it is no terminal)."""
    console = Console(soft_wrap=False, width=None if Console().is_terminal else 110, highlight=False)
    for part in parts:
        console.print(part)


def tables(found: Evaluation) -> list[Table]:
    """The scores, then the figures of each analysis."""
    shown = []
    chosen = [s for s in found.scores if not s.name.startswith(BY_CLASS)]  # those are many, and on the page
    if chosen:
        shown.append(
            scores(
                chosen,
                found.floor,
                f"{found.subject.name}: {found.request.count:,} samples against {found.data.name}",
            )
        )
    for name, analysis in found.analyses.items():
        rows = [Score(**s) for s in analysis.get("scores", ())]
        if rows:
            shown.append(scores(rows, (), name))
    return shown
