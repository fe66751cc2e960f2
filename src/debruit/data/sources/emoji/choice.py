"""The drawings that are recoloured, and their new colours."""

import re

from debruit.data.sources.drawings.colour_words import HUES
from debruit.data.sources.emoji.drawings import Picture
from debruit.data.sources.emoji.held_out import share
from debruit.data.sources.emoji.names import is_code_points
from debruit.data.sources.openmoji.groups import unicode_group

PLAIN = {"1F34E": {"en": "apple", "fr": "pomme"}}  # "red apple", whose green sister has a code point of her own
VERSION = 2  # part of the cache's key: raised when other drawings are recoloured, or held out
COUNT = 2  # new colours of a drawing
FIXED = ("people-body", "flags", "component")  # whose colours say what they are, or are skin
COLOUR_WORD = re.compile(r"\b(red|orange|yellow|green|blue|purple|pink|brown|black|white|grey|gray|blond)\b")


def new_colours(drawing: Picture, own: str) -> tuple[str, ...]:
    """The colours that a drawing of the colour `own` is also given, chosen by its name; () where its colour is what it
    is: flags, people, and what has a colour in its name."""
    if (names_a_colour(drawing.name) and drawing.thing not in PLAIN) or "flag" in drawing.name.split():
        return ()
    if is_code_points(drawing.thing) and unicode_group(drawing.thing) in FIXED:
        return ()
    others = [word for word in HUES if word != own and not (drawing.thing in PLAIN and word == "green")]
    return tuple(sorted(others, key=lambda word: share("recolour", drawing.item, word))[:COUNT])


def names_a_colour(name: str) -> bool:
    """Whether an English name has the word of a colour in it."""
    return bool(COLOUR_WORD.search(name.lower()))
