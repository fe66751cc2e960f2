"""The folder of a report: its files, the finished parts of the work, and what an interruption leaves."""

import contextlib
from collections.abc import Generator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from PIL import Image

from debruit.errors import InputError
from debruit.events import Cancelled
from debruit.files.atomic import write_atomically
from debruit.files.outputs import check_folder
from debruit.images import figures
from debruit.provenance import BIBTEX
from debruit.reports import tables
from debruit.reports.record import dump

HTML, JSON, CSV, LATEX, BIBLIOGRAPHY, FIGURE = FILES = (
    "report.html",
    "report.json",
    "scores.csv",
    "scores.tex",
    "debruit.bib",
    "figure.png",
)
WORK = "work"  # the folder of finished parts, inside that of the report


def report_folder(out: str | Path | None, model: str, name: str) -> Path:
    """The folder of a report: `out`, or by default `name` in the run folder, or next to the model file. InputError: it
    cannot be written."""
    path = Path(model)
    folder = Path(out) if out else path / name if path.is_dir() else path.with_name(f"{path.stem}-{name}")
    check_report(folder)
    return folder


def check_report(folder: Path) -> None:
    """InputError unless a report and its finished parts can be written there, with plots."""
    if find_spec("matplotlib") is None:
        raise InputError("the report's plots need matplotlib, which is not installed: pip install 'debruit[eval]'")
    check_folder(folder, files=FILES, folders=(WORK,))


def write_report(
    folder: Path, page: str, record: dict[str, Any], columns: Sequence[Any], figure: Image.Image | None = None
) -> tuple[Path, ...]:
    """Write the page, the record as JSON, the scores as CSV and LaTeX, the BibTeX entry of debruit, and the figure if
    there is one, each atomically. Returns their paths."""
    dump(record, folder / JSON)
    versions = record["versions"]
    software = f"debruit {versions['debruit']}, torch {versions['torch']}, {record['environment']['cpu']}"
    texts = {
        CSV: tables.as_csv(columns),
        LATEX: tables.as_latex(columns, [record["command"], software]),
        BIBLIOGRAPHY: BIBTEX + "\n",
        HTML: page,
    }
    for name, text in texts.items():
        write_atomically(folder / name, lambda temporary, text=text: temporary.write_text(text, encoding="utf-8"))
    if figure is not None:
        figures.save(figure, folder / FIGURE)
    return tuple(folder / name for name in (FILES if figure is not None else FILES[:-1]))


def written(paths: Sequence[Path]) -> str:
    """ "-> DIR/report.html, report.json, ..."."""
    return f"-> {', '.join([str(paths[0]), *(path.name for path in paths[1:])])}"


@contextlib.contextmanager
def resumable(folder: Path, command: str) -> Generator[None]:
    """Inside, an interruption (KeyboardInterrupt, Cancelled) ends as Cancelled, with a message on how to resume."""
    try:
        yield
    except (KeyboardInterrupt, Cancelled) as stop:
        message = f"finished parts are kept in {folder / WORK}; rerun the same command to continue: {command}"
        raise Cancelled(message) from stop
