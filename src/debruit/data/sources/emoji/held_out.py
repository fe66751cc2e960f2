"""The drawings that no training on the emoji sees, by SHA-256 of what is drawn: the same whichever packages are there.

    unseen things     5 % of the things, in every style and colour
    unseen pairs      of the rest 10 % of the (thing, style) pairs, in every colour: others show how the thing looks
    unseen colours    of the rest 10 % of the (thing, colour) pairs, in every style. The colour that a thing usually has
                      is never held out (a banana would only be known in blue), see `usual`

A drawing that was not recoloured has the colour that dominates it, if one does.
"""

import hashlib
from functools import cache as once
from importlib.resources import files

THINGS, PAIRS, COLOURS = "unseen-things", "unseen-pairs", "unseen-colours"
KINDS = (THINGS, PAIRS, COLOURS)
SHARES = {THINGS: 0.05, PAIRS: 0.10, COLOURS: 0.10}
USUAL = "usual_colours.txt"


def share(*where: str) -> float:
    """A number in [0, 1) for these words, the same on every machine."""
    return int.from_bytes(hashlib.sha256("|".join(where).encode()).digest()[:8], "big") / 2**64


def held_out(thing: str, style: str, colour: str = "") -> str:
    """The one of KINDS that a drawing belongs to; "" for one to train on. `colour` is "" where none dominates."""
    if share(THINGS, thing) < SHARES[THINGS]:
        return THINGS
    if share(PAIRS, thing, style) < SHARES[PAIRS]:
        return PAIRS
    if colour and colour != usual(thing) and share(COLOURS, thing, colour) < SHARES[COLOURS]:
        return COLOURS
    return ""


def kind_of(thing: str, style: str, *, unseen: bool) -> str:
    """The one of KINDS that a drawing belongs to, of which it is known whether it is of any, but not its colour."""
    return (held_out(thing, style) or COLOURS) if unseen else ""


def usual(thing: str) -> str:
    """The colour of most drawings of a thing, "" where there is none."""
    return _usual().get(thing, "")


@once
def _usual() -> dict[str, str]:
    """Thing -> colour, from a table: a colour, then its things. Written by tests/data/sources/emoji, from all sets."""
    lines = files("debruit.data.sources.emoji").joinpath(USUAL).read_text("ascii").splitlines()
    return {thing: line.split()[0] for line in lines for thing in line.split()[1:]}
