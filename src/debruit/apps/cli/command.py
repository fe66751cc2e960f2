"""The command that runs: when it started, as a value of time.monotonic(). A training's minutes count from there."""

import time
from contextvars import ContextVar

_started: ContextVar[float | None] = ContextVar("debruit_command_started", default=None)


def begin(started: float | None) -> None:
    """Begin a command, which started then, or now."""
    _started.set(time.monotonic() if started is None else started)


def started() -> float:
    """Return when this command started."""
    value = _started.get()
    return time.monotonic() if value is None else value
