"""What the verbs that make reports share: their data, their progress, their files."""

import inspect
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from debruit.errors import InputError
from debruit.files.outputs import check_folder
from debruit.workflows.session import say

FILES = (
    "report.html",
    "report.json",
    "scores.csv",
    "scores.tex",
    "debruit.bib",
    "figure.png",
)  # of a report; not all have a figure
WORK = "work"  # the folder of finished parts, inside that of the report


def stopped(folder: Path, command: str) -> int:
    """After Ctrl-C: how to go on. The exit code."""
    say(f"stopped; what is finished is kept in {folder / WORK}: the same command goes on where it was:  {command}")
    return 130


def retyped(verb: str, positional: Sequence[str], flags: Mapping[str, Any], function: Callable) -> str:
    """The command at hand as one could type it again, without what is by default."""
    defaults = {name.replace("_", "-"): p.default for name, p in inspect.signature(function).parameters.items()}
    words = ["debruit", verb, *positional]
    for flag, value in flags.items():
        if value == defaults.get(flag.lstrip("-")):
            continue
        given = map(str, value) if isinstance(value, list) else [str(value)]
        words += [flag] if value is True else [flag, *given]
    return shlex.join(words)


def out_folder(out: Path | None, model: str, name: str) -> Path:
    """Where a report goes: as asked, or in the run folder, or beside the model file. InputError where it cannot be written."""
    path = Path(model)
    folder = out or (path / name if path.is_dir() else path.with_name(f"{path.stem}-{name}"))
    check_report(folder)
    return folder


def check_report(folder: Path) -> None:
    """InputError unless a report and its finished parts can be written there."""
    check_folder(folder, files=FILES, folders=(WORK,))


def check_diffusion(model: str, verb: str) -> None:
    """InputError for an autoencoder where `verb` needs a model that draws images, before anything is done. (Also where there is no model at all.)"""
    from debruit.models.loaded import is_autoencoder

    if is_autoencoder(model):
        raise InputError(
            f"{model} is an autoencoder, which draws no images, and `debruit {verb}` needs a diffusion model: train one on its latents with "
            f"`debruit train ldm SOURCE --autoencoder {model} --out DIR`, or look at the autoencoder itself with `debruit evaluate` or `debruit explain`"
        )


def check_plots() -> None:
    """InputError, before any work, where the pages' plots could not be drawn."""
    if find_spec("matplotlib") is None:
        raise InputError("the report's plots need matplotlib, which is not installed: pip install 'debruit[eval]'")


def find_data(text: str | Sequence[str] | None, subject: Any) -> Any:
    """The data set that `--data` names, brought to the model's size and with its conditions where its source can be; without it, what the model was
    trained on."""
    from debruit.annotations.names import composed
    from debruit.data.find import builtin_sources, find_source
    from debruit.planning.conditions import offering

    if text is not None and not isinstance(text, str) and len(text) == 1:
        text = text[0]
    spec, own = subject.data, subject.source()
    conditions = [c.field for c in getattr(subject.model.config, "conditioners", ())]
    if text is None:
        if own is not None:
            return own.build()
        if spec.name not in builtin_sources():
            raise InputError(
                f"name the data to compare {subject.name} with: --data SOURCE; it was trained on {spec.name}"
            )
        text = spec.name
    source: Any = offering(find_source(text), conditions)
    own = own or _at(source, subject.recorded())
    if own is not None and _same_place(own, source):
        return own.build()  # read as it was for the training
    elsewhere = _training_data(own or subject.recorded(), text, spec.fingerprint)
    if elsewhere is not None:
        return elsewhere.build()
    if "size" not in {f.name for f in fields(source)}:
        return source.build()
    dataset = source.build()
    again = composed(dataset.spec.name) == composed(spec.name) and dataset.spec.fingerprint != spec.fingerprint
    if dataset.spec.shape != spec.shape or again:
        size = spec.height if spec.height == spec.width else (spec.height, spec.width)
        return replace(source, size=size).build()
    return dataset


def _training_data(source: Any, text: str | Sequence[str], fingerprint: str) -> Any:
    """The source of the training at the place that `text` names, if its content is the same there; else None."""
    from debruit.data.sources.moved import moved

    try:
        return None if source is None else moved(source, text, fingerprint)[0]
    except InputError:
        return None


def find_training(text: str | Sequence[str] | None, subject: Any) -> Any:
    """The data set that `--training-data` names, read as it was for the training where the model's file says how; None without it."""
    return None if text is None else find_data(text, subject)


def _at(source: Any, recorded: Any) -> Any:
    """What a model's file says of a folder of the user's, now that it is known where that lies: at `source`, if it has that name. Else None."""
    from debruit.annotations.names import composed

    if type(recorded) is not type(source) or not hasattr(source, "path"):
        return None
    if composed(Path(source.path).name) != composed(recorded.path):
        return None
    return replace(recorded, path=source.path)


def _same_place(a: Any, b: Any) -> bool:
    """Whether two sources hold the same images, if read in different ways."""
    ways = ("size", "background", "labelled", "languages", "masks")
    return type(a) is type(b) and all(getattr(a, f.name) == getattr(b, f.name) for f in fields(a) if f.name not in ways)


def write_report(folder: Path, page: str, data: dict[str, Any], columns: Sequence[Any], picture: Any = None) -> None:
    """report.html and report.json, the scores as scores.csv and scores.tex, how to cite debruit, and a figure where there is one; each written whole."""
    from debruit.files.atomic import write_atomically
    from debruit.images import pictures
    from debruit.provenance import BIBTEX
    from debruit.reports import tables
    from debruit.reports.record import dump

    html, whole, csv, latex, bibliography, figure = (folder / name for name in FILES)
    dump(data, whole)
    versions = data["versions"]
    about = [data["command"], f"debruit {versions['debruit']}, torch {versions['torch']}, {data['environment']['cpu']}"]
    texts = {
        csv: tables.as_csv(columns), latex: tables.as_latex(columns, about), bibliography: BIBTEX + "\n", html: page
    }  # fmt: skip
    for path, text in texts.items():
        write_atomically(path, lambda temporary, text=text: temporary.write_text(text, encoding="utf-8"))
    if picture is not None:
        pictures.save(picture, figure)


def written(folder: Path, picture: Any = None) -> str:
    """What lies in the folder of a report now."""
    first, *others = FILES if picture is not None else FILES[:-1]
    return f"-> {', '.join([str(folder / first), *others])}"
