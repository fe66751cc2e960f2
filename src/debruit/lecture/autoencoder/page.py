"""One HTML page from a study of an autoencoder, made as the lecture's is."""

from debruit.lecture.autoencoder import wording
from debruit.lecture.autoencoder.chapters import CHAPTERS
from debruit.lecture.autoencoder.numbers import numbers
from debruit.lecture.autoencoder.study import CodecStudy
from debruit.lecture.page import check_language, document, head

SCRIPTS = ("pictures.js", "codec.js", "start.js")


def page(study: CodecStudy, language: str = "en") -> str:
    """The page as text. `language` is the one it opens in. InputError: an unknown language."""
    check_language(language)
    top = head(wording.TITLE, wording.LEAD, wording.facts(study), wording.remarks(study))
    return document(
        language, title=wording.TITLE, top=top, chapters=CHAPTERS, data=numbers(study), scripts=SCRIPTS, slider="λ"
    )  # fmt: skip
