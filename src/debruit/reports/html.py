"""HTML elements of a page: all text is escaped here, every image becomes a data URI or inline SVG."""

import base64
import io
from collections.abc import Sequence
from html import escape

from PIL import Image

from debruit.reports.style import STYLE


def page(title: str, header: str, sections: Sequence[str], footer: str = "") -> str:
    """A whole document. `header`, `sections` and `footer` are HTML."""
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n<header>{header}</header>\n"
        + "\n".join(section for section in sections if section)
        + f"\n<footer>{footer}</footer>\n</main>\n</body>\n</html>\n"
    )


def section(title: str, *parts: str) -> str:
    return f"<section>\n<h2>{escape(title)}</h2>\n" + "\n".join(part for part in parts if part) + "\n</section>"


def paragraph(text: str, kind: str = "") -> str:
    return f"<p{_class(kind)}>{escape(text)}</p>" if text else ""


def verdict(text: str, kind: str = "") -> str:
    """A highlighted sentence; `kind` is "good", "warn", "bad" or ""."""
    return f'<div class="verdict {kind}">{escape(text)}</div>' if text else ""


def card(label: str, value: str, *extra: str) -> str:
    lines = "".join(f'<div class="extra">{escape(line)}</div>' for line in extra)
    head = f'<div class="label">{escape(label)}</div><div class="value">{escape(value)}</div>'
    return f'<div class="card">{head}{lines}</div>'


def cards(items: Sequence[str]) -> str:
    return f'<div class="cards">{"".join(items)}</div>' if items else ""


def table(
    head: Sequence[str], rows: Sequence[Sequence[str]], *, numbers: Sequence[int] = (), best: Sequence[int] = ()
) -> str:
    """A table of HTML cells below a `head` of text; columns `numbers` are right-aligned, rows `best` highlighted."""
    kind = lambda n: _class("number") if n in numbers else ""  # noqa: E731
    top = "".join(f"<th{kind(n)}>{escape(text)}</th>" for n, text in enumerate(head))
    body = "".join(
        f"<tr{_class('best') if k in best else ''}>"
        + "".join(f"<td{kind(n)}>{item}</td>" for n, item in enumerate(row))
        + "</tr>\n"
        for k, row in enumerate(rows)
    )
    return f'<div class="scroll"><table>\n<thead><tr>{top}</tr></thead>\n<tbody>\n{body}</tbody>\n</table></div>'


def cell(value: str, interval: str = "") -> str:
    """A value, and below it its interval in smaller letters."""
    return escape(value) + (f'<span class="interval">{escape(interval)}</span>' if interval else "")


def definitions(items: Sequence[tuple[str, str]]) -> str:
    return "<dl>" + "".join(f"<dt>{escape(k)}</dt><dd>{escape(v)}</dd>" for k, v in items) + "</dl>"


def details(summary: str, *parts: str) -> str:
    return f"<details><summary>{escape(summary)}</summary>{''.join(parts)}</details>"


def code(text: str) -> str:
    return f"<pre>{escape(text)}</pre>"


def figure(content: str, caption: str = "") -> str:
    return f"<figure>{content}" + (f"<figcaption>{escape(caption)}</figcaption>" if caption else "") + "</figure>"


def image(content: Image.Image, alt: str) -> str:
    """A PNG as a data URI."""
    buffer = io.BytesIO()
    content.save(buffer, format="PNG", optimize=True)
    data = base64.b64encode(buffer.getvalue()).decode()
    return f'<img alt="{escape(alt, quote=True)}" src="data:image/png;base64,{data}">'


def _class(name: str) -> str:
    return f' class="{name}"' if name else ""
