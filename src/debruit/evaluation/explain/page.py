"""One HTML page from a study: numbers, pictures, style and script inside it, no outside address, both languages behind a switch."""

import html
import json
import re
from importlib.resources import files

from debruit.errors import unknown
from debruit.evaluation.explain import wording
from debruit.evaluation.explain.chapters import CHAPTERS, LATENTS, Both, Chapter
from debruit.evaluation.explain.maths import mathml, prose
from debruit.evaluation.explain.numbers import numbers
from debruit.evaluation.explain.study import Study

LANGUAGES = ("en", "fr")
SCRIPTS = ("charts.js", "pictures.js", "panels.js", "start.js")


def page(study: Study, language: str = "en") -> str:
    """The page as text. `language` is the one it opens in. InputError: an unknown language."""
    check_language(language)
    data = numbers(study)
    chapters = [c for c in CHAPTERS if c is not LATENTS or data["latents"]]
    assets = files("debruit.evaluation.explain") / "assets"
    parts = {
        "language": language,
        "title": html.escape(wording.PAGE["title"][LANGUAGES.index(language)]),
        "style": (assets / "page.css").read_text("utf-8"),
        "body": _head(study) + "".join(_section(n, c) for n, c in enumerate(chapters, start=1)),
        # "<" could end the script element early; JSON has it inside strings alone
        "data": json.dumps(data, separators=(",", ":"), ensure_ascii=False).replace("<", "\\u003c"),
        "script": "".join((assets / name).read_text("utf-8") for name in SCRIPTS),
    }
    template = (assets / "page.html").read_text("utf-8")
    return re.sub(r"\{\{(\w+)\}\}", lambda found: parts[found[1]], template)


def check_language(language: str) -> None:
    """InputError unless the page speaks it."""
    if language not in LANGUAGES:
        raise unknown("language", language, LANGUAGES)


def _head(study: Study) -> str:
    facts = "".join(f"<dt>{both(label)}</dt><dd>{both(value)}</dd>" for label, value in wording.facts(study))
    remarks = "".join(f'<p class="remark">{both(remark)}</p>' for remark in wording.remarks(study))
    words = wording.PAGE
    buttons = "".join(f'<button type="button" data-language="{code}">{code.upper()}</button>' for code in LANGUAGES)
    return (
        f'<header class="top"><div class="switch" role="group" aria-label="{" / ".join(words["switch"])}">{buttons}</div>'
        f'<h1>{both(words["title"])}</h1><p class="lead">{both(words["lead"])}</p><dl class="facts">{facts}</dl>{remarks}'
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
