"""How far a drawing is, on the standard error: nothing in the first second, then a bar on a terminal, elsewhere a line now and then."""

import sys
import time
from typing import Any

from debruit.console import complain

FIRST_SECONDS, SAID_SECONDS = 1, 10


class Shown:
    """Called with the share of the work that is done, 0 to 1, beginning at `done`; `what` and `total` are for the words."""

    def __init__(self, what: str, total: int, done: float = 0.0) -> None:
        self.what, self.total, self.begun_at = what, total, done
        self.began, self.said, self.bar, self.task = time.monotonic(), 0.0, None, None
        self.terminal = sys.stderr is not None and sys.stderr.isatty()

    def __enter__(self) -> "Shown":
        return self

    def __exit__(self, *error: object) -> None:
        if self.bar is not None:
            self.bar.stop()

    def __call__(self, share: float) -> None:
        now = time.monotonic()
        if now - self.began < FIRST_SECONDS:
            return
        if self.terminal:
            self._show(share, now)
        elif not self.said or now - self.said >= SAID_SECONDS:
            self.said = now
            complain(f"{self.describe(share, now)}")

    def describe(self, share: float, now: float) -> str:
        """ "sampling  640/10,000  ETA 0:52"."""
        done = share - self.begun_at
        left = (now - self.began) * (1 - share) / done if done > 0 else float("inf")
        return f"{self.what}  {share * self.total:,.0f}/{self.total:,}  ETA {clock(left)}"

    def _show(self, share: float, now: float) -> None:
        if self.bar is None:
            self.bar, self.task = _bar()
        self.bar.update(self.task, completed=share, description=self.describe(share, now))


def _bar() -> tuple[Any, Any]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    columns = TextColumn("{task.percentage:>3.0f} %"), BarColumn(), TextColumn("{task.description}")
    bar = Progress(*columns, transient=True, console=Console(stderr=True))
    task = bar.add_task("", total=1.0)
    bar.start()
    return bar, task


def clock(seconds: float) -> str:
    """Seconds as h:mm:ss or m:ss; "?" where they are not known."""
    if seconds == float("inf"):
        return "?"
    minutes, s = divmod(round(seconds), 60)
    hours, m = divmod(minutes, 60)
    return f"{hours}:{m:02d}:{s:02d}" if hours else f"{m}:{s:02d}"
