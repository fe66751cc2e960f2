"""The map of the lecture: no slide is missing, and each leads to a chapter and to functions that exist."""

from pathlib import Path

import pytest
from lessons import chained, resolved

from debruit.lecture.chapters import CHAPTERS
from debruit.lecture.french import spaced
from debruit.lecture.maths import mathml, prose
from debruit.lecture.page import page
from debruit.lecture.slides import SLIDES, TOP, details, opens_at, slides_of, table
from debruit.lecture.study import begin

KEYS = [chapter.key for chapter in CHAPTERS]
LAST = 41  # slides of the lecture, the title included
DOCUMENTS = {"lecture.md": 0, "lecture.fr.md": 1}
DOCS = Path(__file__).parents[2] / "docs"


def test_no_slide_is_missing():
    assert [slide.number for slide in SLIDES] == list(range(1, LAST + 1))
    for slide in SLIDES:
        assert set(slide.chapters) <= {*KEYS, TOP}, slide.number
        assert len(slide.idea) == 2
        assert all(slide.idea)


def test_every_function_of_a_slide_exists():
    for slide in SLIDES:
        for name in slide.functions:
            item = resolved(name)
            assert callable(item) or hasattr(item, "func"), (slide.number, name)  # a cached property has a func


def written(name: str) -> str:
    """The document with its generated part, the map, as it should be."""
    language = DOCUMENTS[name]
    titles = {chapter.key: chapter.title for chapter in CHAPTERS}
    head = (DOCS / name).read_text("utf-8").split("<!-- map -->")[0]
    parts = (table(SLIDES, titles, language), details(SLIDES, language))
    return head + "<!-- map -->\n\n" + "\n\n".join(parts) + "\n"


@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_documents_hold_the_map(name):
    """`python tests/lecture/test_slides.py` writes them anew."""
    assert (DOCS / name).read_text("utf-8") == written(name)


def test_every_chapter_belongs_to_a_slide():
    """Samplers compared and latent channels go further than the lecture; each has the slide that it continues."""
    assert [key for key in KEYS if not slides_of(key)] in ([], ["latents"])


def test_equations_and_notes_are_well_formed():
    from xml.etree import ElementTree

    for slide in SLIDES:
        for tex in slide.equations:
            ElementTree.fromstring(mathml(tex, display=True))
            assert "|" not in tex.replace(r"\|", ""), "a bar would end the cell of a Markdown table"
        for text in (*slide.idea, *(slide.note or ())):
            prose(text)
        if slide.note:
            assert slide.note[0].count("$") == slide.note[1].count("$")


def test_the_page_opens_at_every_slide():
    text = page(begin(chained(), label=3))
    for slide in SLIDES:
        assert text.count(f'id="slide-{slide.number}"') == 1
        key = opens_at(slide, KEYS)
        if key != TOP:
            section = text[text.index(f'<section id="{key}">') :].split("</section>")[0]
            assert f'id="slide-{slide.number}"' in section


@pytest.mark.parametrize(
    ("plain", "typeset"),
    [
        ("le bruit : $x : y$ ; fin !", "le bruit\u00a0: $x : y$\u202f; fin\u202f!"),
        ("« oui » à 5 %", "«\u00a0oui\u00a0» à 5\u202f%"),
        ("le code `a : b` ?", "le code `a : b`\u202f?"),
    ],
)
def test_french_spaces_do_not_break(plain, typeset):
    assert spaced(plain) == typeset


if __name__ == "__main__":
    for document in DOCUMENTS:
        (DOCS / document).write_text(written(document), "utf-8")
