"""A slide of the lecture, and the map of all slides as a document."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from debruit.lecture.chapters.base import Both
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
    head = [WORDS[key][language] for key in ("slide", "idea", "chapter")]
    rows = [
        [
            f"[{s.number}](#{_anchor(s, language)})",
            s.idea[language],
            ", ".join(names[key][language] for key in s.chapters),
        ]
        for s in slides
    ]
    return "\n".join(f"| {' | '.join(row)} |" for row in [head, ["-"] * 3, *rows])


def details(slides: Sequence[Slide], language: int) -> str:
    """Return a section for each slide that has more to say, in Markdown."""
    return "\n\n".join(_section(s, language) for s in slides)


def _section(slide: Slide, language: int) -> str:
    colon = (":", "\u00a0:")[language]
    lines = [f"### {WORDS['slide'][language].capitalize()} {slide.number}", _text(slide.idea, language) + "."]
    lines += [f"$${tex}$$" for tex in slide.equations]
    if slide.functions:
        names = ", ".join(f"`{name}`" for name in slide.functions)
        lines.append(f"{WORDS['functions'][language]}{colon} {names}.")
    if slide.note:
        lines.append(f"*{WORDS['note'][language]}{colon}* {_text(slide.note, language)}")
    return "\n\n".join(lines)


def _text(text: Both, language: int) -> str:
    return spaced(text[1]) if language else text[0]


def _anchor(slide: Slide, language: int) -> str:
    """Return the address that a Markdown renderer gives to the section of a slide."""
    return f"{WORDS['slide'][language]}-{slide.number}"
