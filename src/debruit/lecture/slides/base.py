"""A slide of the lecture, and the map of all slides as a document."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from debruit.lecture.chapter import Both
from debruit.lecture.french import spaced

TOP = "top"  # the head of the page, for slides without a chapter of their own


@dataclass(frozen=True, kw_only=True)
class Slide:
    """Slide `number` of the lecture, counted from the title.

    `idea` and `note` (where the lecture is loose, and what is right) are in (English, French) and may contain
    mathematics between dollar signs; `equations` are TeX. `chapters` are keys of the page's chapters, the page opens
    at the first one with the address `#slide-<number>`; `functions` are import paths below debruit.
    """

    number: int
    idea: Both
    equations: tuple[str, ...] = ()
    chapters: tuple[str, ...] = (TOP,)
    functions: tuple[str, ...] = ()
    note: Both | None = None


WORDS: Mapping[str, Both] = {
    "slide": ("slide", "diapositive"),
    "idea": ("idea", "idée"),
    "chapter": ("chapter of the page", "chapitre de la page"),
    "functions": ("In the package", "Dans le paquet"),
    "note": ("Where the lecture is loose", "Ce que le cours simplifie"),
    TOP: ("head of the page", "en-tête de la page"),
}


def table(slides: Sequence[Slide], titles: Mapping[str, Both], language: int) -> str:
    """Return one row for each slide, in Markdown: its number, its idea, and the chapters by `titles`, key to title."""
    names = {**titles, TOP: WORDS[TOP]}
    rows = [[WORDS[key][language] for key in ("slide", "idea", "chapter")], ["-"] * 3]
    for slide in slides:
        chapters = ", ".join(_text(names[key], language) for key in slide.chapters)
        address = f"#{WORDS['slide'][language]}-{slide.number}"  # as Markdown renderers name the heading below
        rows.append([f"[{slide.number}]({address})", _text(slide.idea, language), chapters])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def details(slides: Sequence[Slide], language: int) -> str:
    """Return a section for each slide in Markdown: its idea, equations, functions and note."""
    return "\n\n".join(_section(slide, language) for slide in slides)


def _section(slide: Slide, language: int) -> str:
    colon = (":", "\u00a0:")[language]
    lines = [f"### {WORDS['slide'][language].capitalize()} {slide.number}", _filled(_text(slide.idea, language) + ".")]
    lines += [f"```math\n{tex}\n```" for tex in slide.equations]
    if slide.functions:
        names = ", ".join(f"`{name}`" for name in slide.functions)
        lines.append(_filled(f"{WORDS['functions'][language]}{colon} {names}."))
    if slide.note:
        lines.append(_filled(f"**{WORDS['note'][language]}{colon}** {_text(slide.note, language)}"))
    return "\n\n".join(lines)


def _filled(text: str) -> str:
    """Fill lines of 120 columns, without a break in mathematics or code."""
    lines, line = [], ""
    for word in re.findall(r"(?:\$[^$]*\$|`[^`]*`|[^ \n])+", text):
        if line and len(line) + 1 + len(word) > 120:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}".strip(" \n")
    return "\n".join([*lines, line])


def _text(text: Both, language: int) -> str:
    return spaced(text[1]) if language else text[0]
