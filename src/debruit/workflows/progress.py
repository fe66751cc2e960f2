"""Progress of work whose units take about equally long, as events with the time that is left."""

import contextlib
import time
from collections.abc import Callable, Generator

from debruit import events


class ProgressMeter:
    """Emits how far a stage is. Each call takes the number of finished units of `total`, and cancels the work if that
    was requested.

    `done` units were finished before the work began: they do not count for its speed.
    """

    def __init__(self, stage: str, total: float, *, done: float = 0.0, unit: str = "images") -> None:
        self.stage, self.total, self.unit, self._begun_at = stage, total, unit, done
        self._began = time.monotonic()
        self(done)

    def __call__(self, done: float) -> None:
        events.check_cancelled()
        spent, finished = time.monotonic() - self._began, done - self._begun_at
        eta = spent * (self.total - done) / finished if finished > 0 else None
        events.progress(self.stage, done, self.total, eta=eta, unit=self.unit)


@contextlib.contextmanager
def relayed(report: Callable[[float], object]) -> Generator[None]:
    """Inside, progress events are not emitted; `report` is called with the finished fraction instead."""

    def change(event: events.Event) -> events.Event | None:
        if event.done is None or not event.total:
            return event
        report(event.done / event.total)
        return None

    with events.mapped(change):
        yield
