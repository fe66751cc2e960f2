"""French typography: the spaces before and within punctuation, which must not break a line."""

import re

NARROW, WIDE = "\u202f", "\u00a0"


def spaced(text: str) -> str:
    """Replace the plain spaces that French sets next to : ; ! ? % « and » by no-break spaces.

    Mathematics between dollar signs and code between backquotes stay as they are.
    """
    pieces = re.split(r"(\$[^$]*\$|`[^`]*`)", text)
    return "".join(piece if n % 2 else _spaced(piece) for n, piece in enumerate(pieces))


def _spaced(text: str) -> str:
    text = re.sub(r" (?=[:»])|(?<=«) ", WIDE, text)
    return re.sub(r" (?=[;!?%])", NARROW, text)
