"""Numbers and images of a page as JSON, in the form that the page's scripts draw."""

from collections.abc import Iterable, Mapping
from typing import Any

from debruit.lecture import wording
from debruit.lecture.chapter import Both, Chapter, Json
from debruit.lecture.french import spaced
from debruit.lecture.maths import mathml, prose
from debruit.lecture.sprites import as_list
from debruit.lecture.study import Study


def numbers(study: Study, chapters: Iterable[Chapter]) -> Json:
    """Return everything that the page's scripts draw: the numbers of each chapter under its key."""
    chapters = list(chapters)
    return {
        **vocabulary(chapters, wording.SCRIPT),
        "steps": study.steps,
        "T": study.chain.chain.steps,
        "own": study.chain.own,
        "times": as_list(study.chain.times[study.steps]),
        "seed": study.seed,
        "latent": study.latent,
        **computed(study, chapters),
    }


def computed(study: Any, chapters: Iterable[Chapter]) -> Json:
    """Return the numbers of each chapter by its key."""
    return {chapter.key: chapter.numbers(study) for chapter in chapters}


def vocabulary(chapters: Iterable[Chapter], script: Mapping[str, Both]) -> Json:
    """Return the labels of a page's scripts in both languages, and their symbols as MathML.

    ValueError: two chapters give one name two meanings.
    """
    labels: dict[str, Both] = dict(script)
    symbols: dict[str, str] = {}
    for chapter in chapters:
        _add(labels, chapter.labels, chapter.key)
        _add(symbols, chapter.symbols, chapter.key)
    return {
        "strings": {key: [prose(text[0]), prose(spaced(text[1]))] for key, text in labels.items()},
        "symbols": {key: mathml(tex) for key, tex in symbols.items()},
    }


def _add(known: dict[str, Any], added: Mapping[str, Any], key: str) -> None:
    for name, value in added.items():
        if known.setdefault(name, value) != value:
            raise ValueError(f"chapter {key}: {name!r} already means {known[name]!r}, not {value!r}")
