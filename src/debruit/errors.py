"""The one error that is the user's to mend, and the notice that something was done otherwise than asked.

`InputError` carries one sentence: what was given, what is allowed, the likely fix. The command line prints it and exits
with 2; everything else that escapes is a defect and exits with 1.
"""

import warnings
from collections.abc import Iterable
from difflib import get_close_matches

SHOWN = 20  # allowed names that an error lists


class Notice(UserWarning):
    """Something that was done otherwise than asked, and is said: on the command line as one plain line."""


class InputError(ValueError):
    """The input was wrong; the message is a sentence for the person who gave it."""


def nearest(name: str, allowed: Iterable[str]) -> str:
    """ ", did you mean 'x'?" when something in `allowed` is close to `name`, else an empty string."""
    lowered = {known.lower(): known for known in allowed}
    match = get_close_matches(name.lower(), lowered, n=1, cutoff=0.6)
    return f", did you mean '{lowered[match[0]]}'?" if match else ""


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
