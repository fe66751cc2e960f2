"""HTML page of a study: one file with numbers, images, style and script, no outside address, and both languages."""

import html
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files

from debruit.errors import unknown
from debruit.lecture import wording
from debruit.lecture.chapters import CHAPTERS
from debruit.lecture.chapters.base import Both, Chapter, Json
from debruit.lecture.maths import mathml, prose
from debruit.lecture.numbers import numbers
from debruit.lecture.study import Study

LANGUAGES = ("en", "fr")
SCRIPTS = ("charts.js", "shared.js", "pixels.js")  # before those of the panels


def page(study: Study, language: str = "en") -> str:
    """Return the page as text; it opens in `language`. InputError: an unknown language."""
    check_language(language)
    data = numbers(study, CHAPTERS)
    chapters = [c for c in CHAPTERS if data[c.key] is not None]
    title = wording.PAGE["title"]
    top = head(title, wording.PAGE["lead"], wording.facts(study), wording.remarks(study))
    scripts = (*SCRIPTS, *(f"panels/{chapter.key}.js" for chapter in chapters))
    content = Content(title=title, top=top, chapters=chapters, data=data, scripts=scripts, slider="t")
    return document(language, content)


@dataclass(frozen=True, kw_only=True)
class Content:
    """The parts of a page: its head as HTML (`top`), its chapters, the numbers that its scripts (names of assets) draw,
    and the symbol that its slider moves.
    """

    title: Both
    top: str
    chapters: Sequence[Chapter]
    data: Json
    scripts: Sequence[str]
    slider: str


def document(language: str, content: Content) -> str:
    """Return a whole page that opens in `language`."""
    assets = files("debruit.lecture") / "assets"
    parts = {
        "language": language,
        "title": html.escape(content.title[LANGUAGES.index(language)]),
        "style": (assets / "page.css").read_text("utf-8"),
        "body": content.top + "".join(_section(n, c) for n, c in enumerate(content.chapters, start=1)),
        # "<" could end the script element early; JSON has it inside strings only
        "data": json.dumps(content.data, separators=(",", ":"), ensure_ascii=False).replace("<", "\\u003c"),
        "script": "".join((assets / name).read_text("utf-8") for name in (*content.scripts, "start.js")),
        "slider": content.slider,
    }
    template = (assets / "page.html").read_text("utf-8")
    return re.sub(r"\{\{(\w+)\}\}", lambda match: parts[match[1]], template)


def check_language(language: str) -> None:
    """Raise InputError unless the page has this language."""
    if language not in LANGUAGES:
        raise unknown("language", language, LANGUAGES)


def head(title: Both, lead: Both, facts: Sequence[tuple[Both, Both]], remarks: Sequence[Both]) -> str:
    """Return the top of a page: language switch, title, lead, facts and remarks."""
    lines = "".join(f"<dt>{both(label)}</dt><dd>{both(value)}</dd>" for label, value in facts)
    notes = "".join(f'<p class="remark">{both(remark)}</p>' for remark in remarks)
    switch = " / ".join(wording.PAGE["switch"])
    buttons = "".join(f'<button type="button" data-language="{code}">{code.upper()}</button>' for code in LANGUAGES)
    return (
        f'<header class="top"><div class="switch" role="group" aria-label="{switch}">{buttons}</div>'
        f'<h1>{both(title)}</h1><p class="lead">{both(lead)}</p><dl class="facts">{lines}</dl>{notes}'
        f"<noscript><p>{both(wording.PAGE['no_script'])}</p></noscript></header>"
    )


def _section(number: int, chapter: Chapter) -> str:
    prose = "".join(f"<p>{both(text)}</p>" for text in chapter.text)
    equations = "".join(f'<div class="equation">{mathml(tex, display=True)}</div>' for tex in chapter.equations)
    functions = " ".join(f"<code>{name}</code>" for name in chapter.functions)
    return (
        f'<section id="{chapter.key}"><h2><span class="number">{number}</span>{both(chapter.title)}</h2>'
        f'<div class="lecture"><div class="prose">{prose}</div><div class="equations">{equations}</div></div>'
        f'<div class="panel" id="panel-{chapter.key}"></div>'
        f"<footer>{both(wording.PAGE['computed'])} {functions}</footer></section>"
    )


def both(text: Both) -> str:
    """Return English and French next to each other as HTML; the page shows one of them. $...$ becomes mathematics."""
    spans = (f'<span lang="{code}">{prose(words)}</span>' for code, words in zip(LANGUAGES, text, strict=True))
    return "".join(spans)
