"""Words for colours in captions, in English and French: which hue a caption asks for.

Hues are the colours that something can be painted in besides white, grey and black, which are also those of grounds,
outlines and shadows. A caption asks for a hue if all of its colour words are of that hue: "yellow car" does, "red and
blue flag" and "black and yellow bee" do not.
"""

import re

HUES = {
    "yellow": "yellow jaune jaunes",
    "orange": "orange oranges orangé orangée",
    "red": "red rouge rouges",
    "pink": "pink rose roses",
    "purple": "purple violet violets violette violettes",
    "blue": "blue bleu bleue bleus bleues",
    "green": "green vert verte verts vertes",
    "brown": "brown marron marrons brun brune bruns brunes",
}
SHADES = "white grey gray black blanc blanche blancs blanches gris grise grises noir noire noirs noires"
AFTER_A_NOUN = {"rose", "roses"}  # at the start they are the flower: a French adjective of colour follows its noun
_HUE_OF = {word: hue for hue, words in HUES.items() for word in words.split()}
_SHADES = frozenset(SHADES.split())


def hue_in(caption: str) -> str:
    """The one hue that a caption asks for; "" if it names none, several, or a shade of grey besides."""
    words = re.findall(r"\w+", caption.lower())
    named = {_HUE_OF[w] for n, w in enumerate(words) if w in _HUE_OF and (n or w not in AFTER_A_NOUN)}
    return named.pop() if len(named) == 1 and not _SHADES.intersection(words) else ""
