"""The one error that is the user's to mend, and the notice that something was done otherwise than asked.

`InputError` carries one sentence: what was given, what is allowed, the likely fix. The command line prints it and exits
with 2; everything else that escapes is a defect and exits with 1.
"""

import re
import warnings
from collections.abc import Iterable
from difflib import get_close_matches

SUGGESTED = 4  # names that hold the words of an unknown one: of more, none is meant
SHOWN = 20  # allowed names that an error lists


class Notice(UserWarning):
    """Something that was done otherwise than asked, and is said: on the command line as one plain line."""


class InputError(ValueError):
    """The input was wrong; the message is a sentence for the person who gave it."""


def nearest(name: str, allowed: Iterable[str]) -> str:
    """ ", did you mean 'x'?" when something in `allowed` is close to `name` in spelling or holds all of its words, else an empty string."""
    allowed = list(allowed)
    lowered = {known.lower(): known for known in allowed}
    match = get_close_matches(name.lower(), lowered, n=1, cutoff=0.6)
    found = holding([name], allowed)
    if len(found) > SUGGESTED or (match and len(found) < 2):
        found = [lowered[one] for one in match]
    return f", did you mean {' or '.join(repr(one) for one in found)}?" if found else ""


def holding(words: Iterable[str], allowed: Iterable[str]) -> list[str]:
    """Those of the allowed names that hold all of these words, each at the beginning of one of theirs: "ddpm" and "fashion" are in ddpm-fashion-mnist-28. The
    shortest first; none for no words, or words of one letter."""
    parts = [part for word in words for part in _parts(word)]
    if not parts or any(len(part) < 2 and not part.isdecimal() for part in parts):
        return []
    found = [name for name in allowed if all(any(own.startswith(part) for own in _parts(name)) for part in parts)]
    return sorted(found, key=lambda name: (len(name), name))


def _parts(name: str) -> list[str]:
    return [part for part in re.split(r"[^a-z0-9]+", name.lower()) if part]


def unknown(kind: str, name: str, allowed: Iterable[str]) -> InputError:
    """The error for a misspelt name: what was given, the nearest known name, and those that are allowed, the first SHOWN of many."""
    allowed = sorted(allowed)
    more = f" and {len(allowed) - SHOWN:,} more" if len(allowed) > SHOWN else ""
    return InputError(
        f"unknown {kind} '{name}'{nearest(name, allowed) or ';'} allowed: {', '.join(allowed[:SHOWN])}{more}"
    )


def tell(sentence: str) -> None:
    """Says what was done otherwise than asked, as a Notice."""
    warnings.warn(sentence, Notice, stacklevel=3)
