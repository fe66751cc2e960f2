"""HTML page of a study of an autoencoder, built by lecture/page.py."""

from debruit.lecture.autoencoder import wording
from debruit.lecture.autoencoder.chapters import CHAPTERS
from debruit.lecture.autoencoder.numbers import numbers
from debruit.lecture.autoencoder.study import CodecStudy
from debruit.lecture.page import Content, check_language, document, head

SCRIPTS = ("shared.js", "codec.js", "start.js")


def page(study: CodecStudy, language: str = "en") -> str:
    """Return the page as text; it opens in `language`. InputError: an unknown language."""
    check_language(language)
    top = head(wording.TITLE, wording.LEAD, wording.facts(study), wording.remarks(study))
    content = Content(title=wording.TITLE, top=top, chapters=CHAPTERS, data=numbers(study), scripts=SCRIPTS, slider="λ")
    return document(language, content)
