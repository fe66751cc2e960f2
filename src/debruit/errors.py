"""The one error that the user can fix.

`InputError` carries one sentence: what was given, what is allowed, the likely fix. The command line prints it and exits
with 2; everything else that escapes is a defect and exits with 1.
"""

import re
from collections.abc import Iterable
from difflib import get_close_matches

SUGGESTED = 4  # names that hold the words of an unknown one: of more, none is meant
SHOWN = 20  # allowed names that an error lists


class InputError(ValueError):
    """The input was wrong; the message is a sentence for the person who gave it."""


def nearest(name: str, allowed: Iterable[str]) -> str:
    """Return ", did you mean 'x'?" if an allowed name is spelt like `name` or holds all of its words, else ""."""
    allowed = list(allowed)
    lowered = {known.lower(): known for known in allowed}
    match = get_close_matches(name.lower(), lowered, n=1, cutoff=0.6)
    names = holding([name], allowed)
    if len(names) > SUGGESTED or (match and len(names) < 2):
        names = [lowered[one] for one in match]
    return f", did you mean {' or '.join(repr(one) for one in names)}?" if names else ""


def holding(words: Iterable[str], allowed: Iterable[str]) -> list[str]:
    """Return the allowed names in which each of these words begins a word: "ddpm" and "fashion" match
    ddpm-fashion-mnist-28.

    The shortest come first. No words, or words of one letter, match nothing.
    """
    parts = [part for word in words for part in _parts(word)]
    if not parts or any(len(part) < 2 and not part.isdecimal() for part in parts):
        return []
    names = [name for name in allowed if all(any(own.startswith(part) for own in _parts(name)) for part in parts)]
    return sorted(names, key=lambda name: (len(name), name))


def _parts(name: str) -> list[str]:
    return [part for part in re.split(r"[^a-z0-9]+", name.lower()) if part]


def unknown(kind: str, name: str, allowed: Iterable[str]) -> InputError:
    """Return the error for a misspelt name, with the nearest known name and the first SHOWN allowed ones."""
    allowed = sorted(allowed)
    more = f" and {len(allowed) - SHOWN:,} more" if len(allowed) > SHOWN else ""
    return InputError(
        f"unknown {kind} '{name}'{nearest(name, allowed) or ';'} allowed: {', '.join(allowed[:SHOWN])}{more}"
    )
