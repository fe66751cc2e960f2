"""HTML page of a study of an autoencoder, built by lecture/page.py."""

from debruit.lecture.autoencoder import wording
from debruit.lecture.autoencoder.chapters import CHAPTERS
from debruit.lecture.autoencoder.panels import POSITIONS
from debruit.lecture.autoencoder.study import CodecStudy
from debruit.lecture.numbers import computed, vocabulary
from debruit.lecture.page import Content, check_language, document, head

SCRIPTS = ("shared.js", "codec.js")


def page(study: CodecStudy, language: str = "en") -> str:
    """Return the page as text; it opens in `language`. InputError: an unknown language."""
    check_language(language)
    top = head(wording.TITLE, wording.LEAD, wording.facts(study), wording.remarks(study))
    data = {
        **vocabulary(CHAPTERS, wording.SCRIPT),
        "steps": list(range(POSITIONS)),  # of the slider
        **computed(study, CHAPTERS),
    }
    content = Content(title=wording.TITLE, top=top, chapters=CHAPTERS, data=data, scripts=SCRIPTS, slider="λ")
    return document(language, content)
