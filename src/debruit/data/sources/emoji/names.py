"""The thing that a drawing shows, by its name in a set: the code points of the emoji, joined by '-' and without
variation selectors, or, where Unicode has none, the letters and digits of the name.

Sets write names differently ("cat-face", "catface", "Cat Face"), so names are compared by their letters and digits.
One is looked up in other_names.txt (Mozilla's own names, most of them), then among the names of emoji (CLDR's, in the
package `emoji`), the names of characters (Unicode's) and the aliases that the package has.
"""

import re
import unicodedata
from collections.abc import Iterable
from functools import cache as once
from importlib.resources import files

from debruit.data.sources.openmoji.names import FLAG, is_emoji
from debruit.data.sources.openmoji.names import emoji_name as unicode_name

PICTURES = ((0x2000, 0x3400), (0x1F000, 0x1FB00))  # code points whose names are looked up
OTHER_NAMES = "other_names.txt"  # a name = what it is otherwise called, or the words for a thing without code points
VARIANT = re.compile(r"(?<!keycap)-(\d)$")  # man-artist-1 and man-artist-2: two drawings of one thing
FLAG_OF = re.compile("^flag-for-(flag-)?")
TONES = "1F3F[B-F]"
TONED = re.compile(f"-{TONES}")
TONE_WORDS = re.compile(r"skin-tone|-tone-?[1-5]")
FLUENT_TONES = re.compile("-(light|medium-light|medium|medium-dark|dark)$")
PLAIN = "-default"  # ends Fluent's name of the drawing without a skin tone


def normalised(name: str) -> str:
    """The letters and digits of a name, in lower case and without accents."""
    spelt = name.lower().replace("&", "and").replace("#", "hash").replace("*", "asterisk")
    plain = unicodedata.normalize("NFKD", spelt).encode("ascii", "ignore").decode()
    return re.sub("[^a-z0-9]", "", plain)


def plain_points(points: str) -> str:
    """Code points "1f1eb-fe0f" as a thing has them: upper case, without variation selectors."""
    return "-".join(point for point in points.upper().split("-") if point != "FE0F")


def thing_of(style: str, names: Iterable[str]) -> str:
    """The thing with one of these names of a set, the first that is known; of none, the first name's letters."""
    tried = [_words(style, name) for name in names]
    tried += [f"flag {tried[0]}"]  # streamline's flags have the names of countries
    return next((points for words in tried if (points := _points(words))), normalised(tried[0]))


def is_code_points(thing: str) -> bool:
    """Whether a thing is given by its code points rather than by a name."""
    return bool(re.fullmatch("[0-9A-F]{2,6}(-[0-9A-F]{2,6})*", thing))


def english(thing: str, style: str, name: str) -> str:
    """The English name of a thing; `name` is the set's name for it, where Unicode has none."""
    if known := in_language(thing, "en"):
        return known
    return _words(style, name).replace("-", " ")


def in_language(thing: str, language: str) -> str:
    """The name that Unicode gives a thing; "" where it has no name in this language."""
    if not is_code_points(thing) or not (is_emoji(thing) or language == "en"):
        return ""
    known = unicode_name(thing, language)
    return known.replace("flag: ", "flag of ") if language == "en" and FLAG.match(thing) else known


@once
def aliases(thing: str) -> tuple[str, ...]:
    """Other English names of an emoji, from the package `emoji`."""
    return tuple(_tables()[3].get(thing, ()))


def _words(style: str, name: str) -> str:
    """The name without its number or ending, by its other name where it has one, in this set or in all."""
    plain = re.sub(FLAG_OF, "flag-", VARIANT.sub("", name.removesuffix(PLAIN)))
    key, others = normalised(plain), _other_names()
    return others.get(f"{style}/{key}") or others.get(key, plain)


def _points(words: str) -> str:
    """The code points of a name, "" if there are none."""
    return next((table[key] for key in [normalised(words)] for table in _tables()[:3] if key in table), "")


@once
def _other_names() -> dict[str, str]:
    lines = files("debruit.data.sources.emoji").joinpath(OTHER_NAMES).read_text("utf-8").splitlines()
    return {name.strip(): other.strip() for name, _, other in (line.partition("=") for line in lines)}


@once
def _tables() -> tuple[dict[str, str], dict[str, str], dict[str, str], dict[str, list[str]]]:
    """(CLDR's names, names of characters, aliases) by their letters -> code points, and code points -> aliases."""
    from emoji import EMOJI_DATA

    names: dict[str, str] = {}
    others: dict[str, str] = {}
    known: dict[str, list[str]] = {}
    for character, facts in EMOJI_DATA.items():
        points = "-".join(f"{ord(c):04X}" for c in character if c != "\ufe0f")
        flag = "flag " if FLAG.match(points) else ""
        names.setdefault(normalised(flag + facts["en"]), points)
        for alias in facts.get("alias", ()):
            others.setdefault(normalised(flag + re.sub("^:flag_(for_)?", "", alias)), points)
            known.setdefault(points, []).append(alias.strip(":").replace("_", " "))
    characters: dict[str, str] = {}
    for first, last in PICTURES:
        for point in range(first, last):
            if called := unicodedata.name(chr(point), ""):
                characters.setdefault(normalised(called), f"{point:04X}")
    return names, characters, others, known
