"""Classes that captions name by a phrase, such as styles: "swan, noto style" by "{} style".

A prompt may name a class that the model does not know. It is sampled all the same, and a notice says so.
"""

import re
from collections.abc import Sequence

from debruit.errors import nearest

MOST_WORDS = 3  # of the name of an unknown class


def unknown_class(prompt: str, phrases: Sequence[str], names: Sequence[str]) -> str:
    """Return the notice about a class that a prompt gives by one of the `phrases` and that is none of the `names`; ""
    if there is none."""
    known, unknown = [_words(name) for name in names], ""
    for phrase in phrases:
        before, after = (part.strip() for part in phrase.split("{}"))
        word = rf"(?<!\w){re.escape(before or after)}(?!\w)"
        for words in re.findall(rf"{word}([^,.;]*)" if before else rf"([^,.;]*){word}", prompt, re.IGNORECASE):
            given = _words(words)
            if any(_holds(given, name, first=bool(before)) for name in known):
                return ""
            if given and not unknown:
                name = " ".join(given[:MOST_WORDS] if before else given[-MOST_WORDS:])
                hint = nearest(name, names).removeprefix(", ")
                unknown = (
                    f"the prompt '{prompt}' names the {before or after} '{name}', which this model does not know; it "
                    f"knows {', '.join(names)}{f' ({hint})' if hint else ''}"
                )
    return unknown


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


def _holds(given: list[str], name: list[str], *, first: bool) -> bool:
    """Whether the words begin (`first`) or end with the words of a name."""
    return given[: len(name)] == name if first else given[-len(name) :] == name
