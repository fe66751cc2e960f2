"""Scores for other programs: as CSV, with a row per score and column, and as a LaTeX table (booktabs)."""

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from debruit.metrics.score import Score

HEAD = ("model", "images", "name", "label", "network", "value", "low", "high", "n", "unit", "better", "note")
LATEX = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}",
    ">": r"\textgreater{}", "|": r"\textbar{}", '"': r"\textquotedbl{}", "\u221e": r"$\infty$",
    "\u2212": "$-$", "\u2013": "--", "\u2026": r"\ldots{}", "\u00b7": r"$\cdot$",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Column:
    """Scores of one image set of one model: `images` names it ("samples", "real images"), `networks` are the labels of
    the networks that were used."""

    model: str
    images: str
    scores: Sequence[Score]
    networks: Sequence[str] = ()


def as_csv(columns: Sequence[Column]) -> str:
    """CSV with a header line. A value that is not finite is empty, and the note says what it was."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(HEAD)
    for column in columns:
        for s in column.scores:
            network = max((n for n in column.networks if n in s.label), key=len, default="")
            note = (
                s.note
                if math.isfinite(s.value)
                else "; ".join(part for part in (f"the value is {s.value}", s.note) if part)
            )
            rows.writerow(
                [
                    column.model,
                    column.images,
                    s.name,
                    s.label,
                    network,
                    _number(s.value),
                    _number(s.low),
                    _number(s.high),
                    s.count,
                    s.unit,
                    s.better,
                    note,
                ]
            )
    return text.getvalue()


def as_latex(columns: Sequence[Column], about: Sequence[str]) -> str:
    """A table with a row per score and a column of values per Column with scores; `about` are comments above it."""
    shown = _folded([column for column in columns if column.scores])
    labels = list(dict.fromkeys(s.label for column in shown for s in column.scores))
    models = len({column.model for column in shown}) > 1
    heads = [escaped(f"{c.model}, {c.images}" if models else c.images) for c in shown]
    lines = [f"% {line}" for text in about for line in text.splitlines()]
    lines += [
        r"% \usepackage{booktabs}; an engine that reads UTF-8 for class names beyond ASCII",
        r"% intervals are 95 % over the choice of samples",
        rf"\begin{{tabular}}{{l{'rr' * len(shown)}}}",
        r"\toprule",
        " & ".join(["score", *(f"{head} & $n$" for head in heads)]) + r" \\",
        r"\midrule",
    ]
    for label in labels:
        cells = [escaped(label)]
        for column in shown:
            score = next((s for s in column.scores if s.label == label), None)
            cells += ["", ""] if score is None else [_cell(score), str(score.count)]
        lines.append(" & ".join(cells) + r" \\")
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", ""])


def _folded(columns: Sequence[Column]) -> list[Column]:
    """The columns, those without a score in common with the first one of their model appended below that one with their
    name before each label, since they would be empty otherwise."""
    folded: list[Column] = []
    for column in columns:
        first = next((n for n, one in enumerate(folded) if one.model == column.model), None)
        labels = {s.label for s in column.scores}
        if first is None or labels & {s.label for s in folded[first].scores}:
            folded.append(column)
        else:
            below = [replace(s, label=f"{column.images}: {s.label}") for s in column.scores]
            folded[first] = replace(folded[first], scores=[*folded[first].scores, *below])
    return folded


def escaped(text: str) -> str:
    """Text for LaTeX: special characters escaped, line ends as spaces."""
    return "".join(LATEX.get(letter, letter) for letter in " ".join(text.split()))


def _cell(score: Score) -> str:
    """Value and interval as "12.3 [11.8, 12.9]", with as many digits as the interval justifies; shares in per cent."""
    percent = score.unit in ("%", "share")
    scale, end = (100.0, r"\,\%") if percent else (1.0, "")
    if not math.isfinite(score.value):
        return r"$\infty$" if score.value > 0 else "--"
    digits = _digits(score, scale)
    shown = lambda x: f"${scale * x:.{digits}f}$"  # noqa: E731
    text = shown(score.value) + end
    known = score.low is not None and score.high is not None and math.isfinite(score.low) and math.isfinite(score.high)
    return f"{text} [{shown(score.low)}, {shown(score.high)}]" if known else text


def _digits(score: Score, scale: float) -> int:
    """Decimal digits: two digits of the interval's width, or three of the value without one."""
    width = scale * (score.high - score.low) if score.low is not None and score.high is not None else 0.0
    if not math.isfinite(width) or width <= 0:
        size = abs(scale * score.value)
        return min(6, max(0, 2 - math.floor(math.log10(size)))) if size else 2
    return min(6, max(0, 1 - math.floor(math.log10(width))))


def _number(value: float | None) -> str:
    return "" if value is None or not math.isfinite(value) else repr(float(value))
