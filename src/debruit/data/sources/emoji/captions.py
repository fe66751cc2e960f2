"""Captions of emoji. The first is the canonical one, "swan, noto style"; training takes turns through all of them, of
which half name the style and about three quarters are English where French is wanted too.
"""

from collections.abc import Sequence

from debruit.data.sources.emoji import names
from debruit.data.sources.emoji.choice import PLAIN, names_a_colour
from debruit.data.sources.emoji.drawings import Picture
from debruit.data.sources.emoji.names import is_code_points
from debruit.data.sources.openmoji.groups import unicode_group
from debruit.data.sources.openmoji.names import ENGLISH

VERSION = 2  # part of the cache's key: raised when the same drawing gets other captions
FRENCH = "fr"
PHRASES = ("{} style", "style {}")  # that name a style
COUNTABLE = ("animals-nature", "food-drink", "travel-places", "objects")  # groups whose names mostly take an article
FRENCH_COLOURS = {
    "yellow": "jaune",
    "orange": "orange",
    "red": "rouge",
    "pink": "rose",
    "purple": "violette",
    "blue": "bleue",
    "green": "verte",
    "brown": "marron",
}  # with "couleur", which is feminine


def captions(drawing: Picture, style: str, colour: str, own: str, languages: Sequence[str]) -> tuple[str, ...]:
    """The captions of a drawing for a style. `colour` is the one that it was given, which all of them then say;
    `own` the one that dominates it by itself, which some say; "" for none."""
    made: list[str] = []
    own = "" if names_a_colour(drawing.name) else own
    if ENGLISH in languages:
        made += _english(drawing, style, colour)
        if own and not colour:
            made += _english(drawing, style, own)[:4]
    others = [language for language in languages if language != ENGLISH]
    for language in others:
        made += _other(drawing, style, colour, language)
        if own and not colour and language == FRENCH:
            made += _other(drawing, style, own, language)[1:]
    return tuple(made)


def _english(drawing: Picture, style: str, colour: str) -> list[str]:
    plain = PLAIN.get(drawing.thing, {}).get(ENGLISH) if colour else None
    known = (plain or drawing.name, *(() if plain else (*drawing.synonyms, *names.aliases(drawing.thing))))
    different = {names.normalised(name): name for name in reversed(known)}
    others = [name for name in different.values() if name != known[0]][::-1][:2]
    names_given = [f"{colour} {name}".strip() for name in (known[0], *others)]
    name, second, third = names_given[0], names_given[min(1, len(names_given) - 1)], names_given[-1]
    return [
        f"{name}, {style} style",
        name,
        f"{style} style {name}",
        second,
        f"{second if second != name else _article(drawing, name) + name}, {style} style",
        third if third != name else f"{_article(drawing, name)}{name}",
    ]


def _other(drawing: Picture, style: str, colour: str, language: str) -> list[str]:
    name = names.in_language(drawing.thing, language)
    if not name or (colour and language != FRENCH):
        return []
    if colour:
        name = f"{PLAIN.get(drawing.thing, {}).get(language, name)} de couleur {FRENCH_COLOURS[colour]}"
    return [f"{name}, style {style}" if language == FRENCH else f"{name}, {style}", name]


def _article(drawing: Picture, name: str) -> str:
    """ "a " or "an " before the name of a single thing; "" for others."""
    if not is_code_points(drawing.thing) or unicode_group(drawing.thing) not in COUNTABLE or name.endswith("s"):
        return ""
    return "an " if name[0].lower() in "aeio" else "a "
