"""The slides of the lecture, in order, with the chapters and functions in which each is found.

docs/lecture.md and docs/lecture.fr.md are this map; the page opens at a slide by its address, `#slide-17`.
"""

from collections.abc import Collection

from debruit.lecture.slides.base import TOP, Slide, details, table
from debruit.lecture.slides.latent import LATENT
from debruit.lecture.slides.objective import OBJECTIVE
from debruit.lecture.slides.process import PROCESS

SLIDES: tuple[Slide, ...] = (*PROCESS, *OBJECTIVE, *LATENT)


def opens_at(slide: Slide, keys: Collection[str]) -> str:
    """Return the first chapter of the slide among `keys`, at which the page opens; TOP if there is none."""
    return next((key for key in slide.chapters if key in keys), TOP)


def slides_of(key: str) -> list[Slide]:
    """Return the slides that a chapter belongs to."""
    return [slide for slide in SLIDES if key in slide.chapters]


__all__ = ["SLIDES", "TOP", "Slide", "details", "opens_at", "slides_of", "table"]
