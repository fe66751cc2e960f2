"""Captions of OpenMoji's drawings: the Unicode names of emoji, in the languages of the package `emoji`."""

import re
import unicodedata
from collections.abc import Sequence
from functools import cache as once
from importlib.util import find_spec

from debruit.errors import InputError, unknown

FLAG = re.compile("1F1[EF][0-9A-F]-|1F3F4-E00")  # a country or a region, whose name alone says nothing of a flag
ENGLISH = "en"


def check_languages(languages: Sequence[str]) -> None:
    """InputError for no language, or for one in which the package has no names; unchecked if it is not installed."""
    if not languages:
        raise InputError("OpenMoji without a language has no captions: give one or more, such as en or en,fr")
    if set(languages) == {ENGLISH} or find_spec("emoji") is None:
        return
    from emoji import LANGUAGES

    for language in languages:
        if language not in LANGUAGES:
            raise unknown("language of OpenMoji's names", language, LANGUAGES)


def captions(item: str, languages: Sequence[str]) -> tuple[str, ...]:
    """Return the names of a drawing in these languages, each once; () where there are none."""
    names = dict.fromkeys(emoji_name(item, language) for language in languages)
    return tuple(name for name in names if name)


def emoji_name(item: str, language: str = ENGLISH) -> str:
    """Return the name of a drawing: "grinning face". "" for OpenMoji's own signs, which have no standard name;
    drawings that are no emoji have English names only."""
    if known := _names(language).get(item.replace("-FE0F", "")):
        return f"flag: {known}" if language == ENGLISH and FLAG.match(item) else known
    return _character_names(item) if language == ENGLISH else ""


def is_emoji(item: str) -> bool:
    """Whether Unicode knows the drawing as an emoji."""
    return item.replace("-FE0F", "") in _names(ENGLISH)


def _character_names(item: str) -> str:
    """The names of the single code points."""
    parts = [
        unicodedata.name(chr(int(part, 16)), "").lower() for part in item.split("-") if part not in ("FE0F", "200D")
    ]
    if not all(parts):
        return ""
    tags = "".join(part.removeprefix("tag latin small letter ") for part in parts if part.startswith("tag latin"))
    return ", ".join([part for part in parts if "tag" not in part.split()] + ([tags] if tags else []))


@once
def _names(language: str) -> dict[str, str]:
    """Code points without variation selectors -> the name that Unicode gives the emoji."""
    from emoji import EMOJI_DATA, config

    config.load_language(language)
    names: dict[str, str] = {}
    for character, facts in EMOJI_DATA.items():
        points = "-".join(f"{ord(c):04X}" for c in character if c != "\ufe0f")
        if language in facts:
            names.setdefault(points, facts[language].strip(":").replace("_", " "))
    return names
