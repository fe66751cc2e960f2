"""Progress of work whose units take about equally long, as events with the time that is left."""

import time

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
