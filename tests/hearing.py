"""What a test hears of the work that it does."""

import contextlib
import re
from collections.abc import Iterator

from debruit import events


@contextlib.contextmanager
def noticed(match: str = "") -> Iterator[list[str]]:
    """Inside, a notice that matches must be heard; gives the list of all notices."""
    with notices() as found:
        yield found
    assert any(re.search(match, sentence) for sentence in found), found


@contextlib.contextmanager
def notices() -> Iterator[list[str]]:
    """The sentences of the notices that are heard inside."""
    found: list[str] = []
    with events.listen(lambda event: found.append(event.message) if event.level == "notice" else None):
        yield found


@contextlib.contextmanager
def lines() -> Iterator[list[str]]:
    """The lines and notices that are heard inside, without progress."""
    found: list[str] = []
    with events.listen(lambda event: found.append(event.message) if event.message and event.done is None else None):
        yield found
