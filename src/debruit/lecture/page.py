"""One HTML page from a study: numbers, pictures, style and script inside it, no outside address, both languages behind a switch."""

import html
import json
import re
from collections.abc import Sequence
from importlib.resources import files

from debruit.errors import unknown
from debruit.lecture import wording
from debruit.lecture.chapters import CHAPTERS, GUIDANCE, LATENTS, Both, Chapter
from debruit.lecture.maths import mathml, prose
from debruit.lecture.numbers import Json, numbers
from debruit.lecture.study import Study

LANGUAGES = ("en", "fr")
SCRIPTS = ("charts.js", "pictures.js", "panels.js", "start.js")


def page(study: Study, language: str = "en") -> str:
    """The page as text. `language` is the one it opens in. InputError: an unknown language."""
    check_language(language)
    data = numbers(study)
    chapters = [c for c in CHAPTERS if c not in (GUIDANCE, LATENTS) or data[c.key]]
    top = head(wording.PAGE["title"], wording.PAGE["lead"], wording.facts(study), wording.remarks(study))
    return document(
        language, title=wording.PAGE["title"], top=top, chapters=chapters, data=data, scripts=SCRIPTS, slider="t"
    )  # fmt: skip


def document(
    language: str, *, title: Both, top: str, chapters: Sequence[Chapter], data: Json, scripts: Sequence[str], slider: str
) -> str:  # fmt: skip
    """A whole page: its head, its chapters, the numbers that its scripts (names of assets) draw, and the symbol that its slider moves."""
    assets = files("debruit.lecture") / "assets"
    parts = {
        "language": language,
        "title": html.escape(title[LANGUAGES.index(language)]),
        "style": (assets / "page.css").read_text("utf-8"),
        "body": top + "".join(_section(n, c) for n, c in enumerate(chapters, start=1)),
        # "<" could end the script element early; JSON has it inside strings alone
        "data": json.dumps(data, separators=(",", ":"), ensure_ascii=False).replace("<", "\\u003c"),
        "script": "".join((assets / name).read_text("utf-8") for name in scripts),
        "slider": slider,
    }
    template = (assets / "page.html").read_text("utf-8")
    return re.sub(r"\{\{(\w+)\}\}", lambda found: parts[found[1]], template)


def check_language(language: str) -> None:
    """InputError unless the page speaks it."""
    if language not in LANGUAGES:
        raise unknown("language", language, LANGUAGES)


def head(title: Both, lead: Both, facts: Sequence[tuple[Both, Both]], remarks: Sequence[Both]) -> str:
    """The top of a page: the switch of the languages, the title, the facts and what must be said."""
    lines = "".join(f"<dt>{both(label)}</dt><dd>{both(value)}</dd>" for label, value in facts)
    said = "".join(f'<p class="remark">{both(remark)}</p>' for remark in remarks)
    words = wording.PAGE
    buttons = "".join(f'<button type="button" data-language="{code}">{code.upper()}</button>' for code in LANGUAGES)
    return (
        f'<header class="top"><div class="switch" role="group" aria-label="{" / ".join(words["switch"])}">{buttons}</div>'
        f'<h1>{both(title)}</h1><p class="lead">{both(lead)}</p><dl class="facts">{lines}</dl>{said}'
        f"<noscript><p>{both(words['no_script'])}</p></noscript></header>"
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
    """English and French beside each other as HTML; the page's style shows one of them. $...$ becomes mathematics."""
    spans = (f'<span lang="{code}">{prose(words)}</span>' for code, words in zip(LANGUAGES, text, strict=True))
    return "".join(spans)
