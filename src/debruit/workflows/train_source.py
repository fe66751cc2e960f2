"""The data of a training: the source that a name or a folder means, at the requested size and with the requested
conditions, and its decoded images.
"""

from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from debruit.conditioning.from_data import with_items
from debruit.data.dataset import Dataset
from debruit.data.find import builtin_sources, find_source, source_texts
from debruit.data.source import Source
from debruit.errors import SUGGESTED, InputError, holding, nearest, unknown
from debruit.overrides import override_all
from debruit.recipes import recipe_name, recipes
from debruit.training.config import AnyRun, Run
from debruit.workflows.train_request import STAGES, AnySource


def arranged(words: Sequence[str]) -> tuple[Any, Any]:
    """Return (source, on) of a request from the arguments of the command: a recipe and sources, or sources alone."""

    def one(sources: Sequence[str]) -> str | tuple[str, ...]:
        return sources[0] if len(sources) == 1 else tuple(sources)

    first, rest = (words[0], words[1:]) if words else ("", ())
    if first in STAGES or not rest or recipe_name(first) in recipes():
        return first, one(rest) if rest else None
    exists = Path(first).expanduser().exists() or set("/\\.{*?[") & set(first)  # no recipe is called so
    return (one(words), None) if exists or len(rest) > 1 else (first, one(rest))  # else a misspelt recipe


def open_source(
    source: AnySource, assignments: Sequence[str], *, size: int | None, condition: Sequence[str] | None
) -> tuple[Source, Dataset]:
    """The source with its changes, and its data. InputError: there is none; a recipe of nearly that name is named."""
    opened = with_items(override_all(sized(_named(source), size), assignments), condition)
    return opened, opened.build()


def _named(source: AnySource) -> Source:
    if isinstance(source, Source):
        return source
    try:
        return find_source(source_texts(source))
    except InputError:
        if not isinstance(source, str):
            raise
        known = recipes()
        hint = nearest(source, [*known, *builtin_sources()])
        if any(name in hint for name in known):
            raise InputError(f"there is no source, folder or recipe '{source}'{hint}") from None
        raise


def recipe_source(run: AnyRun, on: AnySource | None, size: int | None, assignments: Sequence[str]) -> Source:
    """Return the source that a recipe is trained on: its own, or `on`, at its size and with its conditions."""
    source: Any = run.source if on is None else _source_of(on)
    if size is not None or (on is not None and "size" in {f.name for f in fields(source)}):
        source = sized(source, size or run.data.height)
    if isinstance(run, Run):
        source = with_items(source, [c.name for c in run.model.conditioners])
    return override_all(source, assignments)


def _source_of(on: AnySource) -> Source:
    return on if isinstance(on, Source) else find_source(source_texts(on))


def unknown_recipe(name: str, on: AnySource) -> InputError:
    """The error for a name that is no recipe; where the words given together are in the name of one, that is named."""
    word, known = str(on if isinstance(on, (str, Path)) else ""), list(recipes())
    if together := holding([name, word] if word else [name], known):
        names = " or ".join(f"`debruit train {one}`" for one in together[:SUGGESTED])
        return InputError(f"there is no recipe '{name}', did you mean {names}?")
    return unknown("recipe", name, known)


def sized(source: Any, size: int | None) -> Any:
    """The source at another size of images, if it has one."""
    if size is None:
        return source
    if size < 4:
        raise InputError(f"--size {size}: images need at least 4 pixels a side")
    if "size" not in {f.name for f in fields(source)}:
        raise InputError(f"--size {size}: {type(source).__name__} has images of one size only; leave --size out")
    return replace(source, size=size)
