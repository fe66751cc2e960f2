"""HTML page of a study: one file with numbers, images, style and script, no outside address, and both languages."""

import html
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files

from debruit.errors import unknown
from debruit.events import say
from debruit.lecture import wording
from debruit.lecture.chapter import Both, Chapter, Json
from debruit.lecture.chapters import CHAPTERS
from debruit.lecture.effort import QUICK_SECONDS, calls_of, evaluations, measured, quick_detail, reporting
from debruit.lecture.french import spaced
from debruit.lecture.maths import mathml, prose
from debruit.lecture.numbers import numbers
from debruit.lecture.slides import SLIDES, TOP, opens_at, slides_of
from debruit.lecture.study import Study
from debruit.text.wording import rough_duration

LANGUAGES = ("en", "fr")
SCRIPTS = ("charts.js", "shared.js", "algorithms.js", "pixels.js")  # before those of the panels


def page(study: Study, language: str = "en", *, quick: bool = False) -> str:
    """Return the page as text; it opens in `language`. With `quick` it takes at most a minute of an ordinary model on
    two cores. Reports the expected time and progress. InputError: an unknown language.
    """
    check_language(language)
    speed = measured(study)
    if quick:
        study = study.at(quick_detail(study, CHAPTERS, speed))
    calls = calls_of(study, CHAPTERS)
    say(_expected(speed.seconds(calls), evaluations(calls), quick=quick))
    with reporting(study, calls, speed):
        data = numbers(study, CHAPTERS)
    chapters = [c for c in CHAPTERS if data[c.key] is not None]
    title = wording.PAGE["title"]
    top = head(title, wording.PAGE["lead"], wording.facts(study), wording.remarks(study)) + _contents(chapters)
    scripts = (*SCRIPTS, *(f"panels/{chapter.key}.js" for chapter in chapters))
    content = Content(title=title, top=top, chapters=chapters, data=data, scripts=scripts, slider="t")
    return document(language, content)


def _expected(seconds: float, count: int, *, quick: bool) -> str:
    hint = "" if quick or seconds < QUICK_SECONDS else "; --quick takes about a minute at most"
    return f"expected time: {rough_duration(seconds)} for {count:,} network evaluations, and a few seconds more{hint}"


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
    keys = [chapter.key for chapter in content.chapters]
    sections = (_section(n, c, _anchors(c.key, keys)) for n, c in enumerate(content.chapters, start=1))
    parts = {
        "language": language,
        "title": html.escape(content.title[LANGUAGES.index(language)]),
        "style": (assets / "page.css").read_text("utf-8"),
        "body": _anchors(TOP, keys) + content.top + "".join(sections),
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


def _contents(chapters: Sequence[Chapter]) -> str:
    """Return the list of chapters, with the slides of the lecture that each belongs to."""
    items = "".join(f'<li><a href="#{c.key}">{both(c.title)}</a>{_slides(c.key)}</li>' for c in chapters)
    return f'<nav class="contents" aria-label="{" / ".join(wording.PAGE["contents"])}"><ol>{items}</ol></nav>'


def _slides(key: str) -> str:
    numbers = ", ".join(str(slide.number) for slide in slides_of(key))
    return f'<span class="slides">{both(wording.PAGE["slides"])} {numbers}</span>' if numbers else ""


def _anchors(key: str, keys: Sequence[str]) -> str:
    """Return the addresses #slide-<number> of the slides that open at this chapter."""
    return "".join(f'<a id="slide-{s.number}" class="anchor"></a>' for s in SLIDES if opens_at(s, keys) == key)


def _section(number: int, chapter: Chapter, anchors: str) -> str:
    prose = "".join(f"<p>{both(text)}</p>" for text in chapter.text)
    equations = "".join(f'<div class="equation">{mathml(tex, display=True)}</div>' for tex in chapter.equations)
    functions = " ".join(f"<code>{name}</code>" for name in chapter.functions)
    return (
        f'<section id="{chapter.key}">{anchors}<h2><span class="number">{number}</span>{both(chapter.title)}</h2>'
        f"{_slides(chapter.key)}"
        f'<div class="lecture"><div class="prose">{prose}</div><div class="equations">{equations}</div></div>'
        f'<div class="panel" id="panel-{chapter.key}"></div>'
        f"<footer>{both(wording.PAGE['computed'])} {functions}</footer></section>"
    )


def both(text: Both) -> str:
    """Return English and French next to each other as HTML; the page shows one of them. $...$ becomes mathematics."""
    texts = (text[0], spaced(text[1]))
    spans = (f'<span lang="{code}">{prose(words)}</span>' for code, words in zip(LANGUAGES, texts, strict=True))
    return "".join(spans)
