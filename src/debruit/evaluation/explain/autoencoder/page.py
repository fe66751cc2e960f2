"""One HTML page from a study of an autoencoder, made as the lecture's is."""

from debruit.evaluation.explain.autoencoder import wording
from debruit.evaluation.explain.autoencoder.chapters import CHAPTERS
from debruit.evaluation.explain.autoencoder.numbers import numbers
from debruit.evaluation.explain.autoencoder.study import CodecStudy
from debruit.evaluation.explain.page import check_language, document, head

SCRIPTS = ("pictures.js", "codec.js", "start.js")


def page(study: CodecStudy, language: str = "en") -> str:
    """The page as text. `language` is the one it opens in. InputError: an unknown language."""
    check_language(language)
    top = head(wording.TITLE, wording.LEAD, wording.facts(study), wording.remarks(study))
    return document(
        language, title=wording.TITLE, top=top, chapters=CHAPTERS, data=numbers(study), scripts=SCRIPTS, slider="λ"
    )  # fmt: skip
