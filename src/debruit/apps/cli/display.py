"""The display of all commands: the events of a workflow as lines, and its progress as a bar or as a line now and then.

    with Display() as display, events.listen(display, token):
        workflow(request)

Lines and the reports of a training (progress with a message) go to the standard output, progress to the standard error:
a bar if that is a terminal, otherwise a line every 10 seconds. Each notice is shown once.
"""

import sys
import threading
import time
from typing import Any

from debruit.apps import console
from debruit.events import Event

QUIET_SECONDS, LINE_SECONDS = 1.0, 10.0  # without a terminal: no progress line before, and one so often


class Display:
    """A listener that shows events; see the module."""

    def __init__(self) -> None:
        self._noticed: set[str] = set()
        self._began, self._line, self._stage = time.monotonic(), 0.0, ""
        self._bar: Any = None
        self._task: Any = None
        self._lock = threading.RLock()

    def __enter__(self) -> "Display":
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def __call__(self, event: Event) -> None:
        with self._lock:
            if event.done is not None:
                self._progress(event)
            elif event.level == "notice":
                self._notice(event.message)
            elif event.message:
                self._write(event.message)

    def _notice(self, sentence: str) -> None:
        if sentence not in self._noticed:
            self._noticed.add(sentence)
            self._write(sentence)

    def _progress(self, event: Event) -> None:
        line = describe(event)
        finished = event.done is not None and event.total is not None and event.done >= event.total
        if _terminal(sys.stderr):
            self._draw(event, line)
            if event.message and (event.values.get("keep") or not _terminal(sys.stdout)):
                self._report(event, line, finished=finished)
        elif event.message:
            self._report(event, line, finished=finished)
        elif self._due(event.stage, finished=False) and time.monotonic() - self._began >= QUIET_SECONDS:
            self._shown(event.stage)
            console.complain(line)
        if finished and event.values.get("share", 1.0) >= 1.0:
            self._stop()

    def _report(self, event: Event, line: str, *, finished: bool) -> None:
        """One line of the standard output for a report with a message, if it is to be kept or is due."""
        if event.values.get("keep") or self._due(event.stage, finished=finished):
            self._shown(event.stage)
            self._write(line)

    def _due(self, stage: str, *, finished: bool) -> bool:
        return finished or stage != self._stage or time.monotonic() - self._line >= LINE_SECONDS

    def _shown(self, stage: str) -> None:
        self._stage, self._line = stage, time.monotonic()

    def _write(self, line: str) -> None:
        """A line of the standard output, above the bar if both are on the terminal."""
        if self._bar is not None and _terminal(sys.stdout):
            self._bar.console.print(line, markup=False, highlight=False, soft_wrap=True)
        else:
            console.say(line)

    def _draw(self, event: Event, line: str) -> None:
        if self._bar is None:
            if time.monotonic() - self._began < QUIET_SECONDS and not event.message:
                return
            self._bar = _bar()
            self._task = self._bar.add_task(line, total=1.0)
            self._bar.start()
        assert event.done is not None
        share = event.values.get("share", event.done / event.total if event.total else 0.0)
        self._bar.update(self._task, completed=share, description=line)

    def _stop(self) -> None:
        with self._lock:
            if self._bar is not None:
                self._bar.stop()
                self._bar = None


def describe(event: Event) -> str:
    """Return the line of a progress event: "sample  640/10,000  ETA 0:52"."""
    assert event.done is not None
    count = f"{event.done:,.0f}" + (f"/{event.total:,.0f}" if event.total is not None else f" {event.unit}")
    line = event.message or f"{event.stage}  {count}"
    return line if event.eta is None else f"{line}  ETA {clock(event.eta)}"


def clock(seconds: float) -> str:
    """Return seconds as h:mm:ss or m:ss; "?" if they are unknown."""
    if seconds == float("inf"):
        return "?"
    minutes, s = divmod(round(seconds), 60)
    hours, m = divmod(minutes, 60)
    return f"{hours}:{m:02d}:{s:02d}" if hours else f"{m}:{s:02d}"


def _terminal(stream: Any) -> bool:
    return stream is not None and stream.isatty()


def _bar() -> Any:
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn
    from rich.progress import Progress as ProgressBar

    columns = TextColumn("{task.percentage:>3.0f} %"), BarColumn(), TextColumn("{task.description}", markup=False)
    return ProgressBar(*columns, transient=True, console=Console(stderr=True))
