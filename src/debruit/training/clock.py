"""The clock of a training: how fast it goes, when it ends, and with --minutes how many images are left to see."""

import math
import time
from contextlib import contextmanager

from debruit.training.run import Training
from debruit.training.state import State

SMOOTHING = 0.8  # weight of the past in the running rate, per report


class Clock:
    """Seconds of this training, over all its sessions, and the images per second while it trains.

    What is not training (validation, previews, saves) is timed by kind, so that the plan can reserve what is still to come.
    """

    def __init__(self, run: Training, state: State, began: float | None = None) -> None:
        now = time.monotonic()
        self.run = run
        self.offset = state.elapsed - (began if began is not None else now)
        self.images_per_second = 0.0
        self.costs: dict[str, float] = {}
        self.restart(state)

    def restart(self, state: State) -> None:
        """The rate is measured anew from where the state is: at the start, and after a roll-back."""
        self._mark, self._images, self._first = time.monotonic(), state.images_seen, True

    @property
    def elapsed(self) -> float:
        return self.offset + time.monotonic()

    def trained(self, images_seen: int) -> None:
        """The loop has reached `images_seen`: updates the rate. The first report of a session, which warms up, counts for little."""
        now = time.monotonic()
        rate = (images_seen - self._images) / max(now - self._mark, 1e-9)
        past = 0.0 if self.images_per_second == 0 else 0.3 if self._first else SMOOTHING
        self._first = self.images_per_second == 0
        self.images_per_second = past * self.images_per_second + (1 - past) * rate
        self._mark, self._images = now, images_seen

    @contextmanager
    def spends(self, kind: str):
        """Time that is not training, of some kind."""
        start = time.monotonic()
        yield
        now = time.monotonic()
        self.costs[kind] = now - start
        self._mark = now

    def plan(self, images_seen: int) -> int:
        """The images of the whole training: as stated, or with minutes what fits into them at the present rate."""
        if self.run.minutes is None:
            return max(self.run.images, images_seen)
        left = self.run.minutes * 60 - self.elapsed - sum(self.costs.values())
        more = self.images_per_second * left
        for _ in range(3):  # what the intervals still to come will cost depends on how many images there will be
            overhead = sum(
                self.costs.get(kind, 0.0) * math.floor(more / interval)
                for kind, interval in (
                    ("validate", self.run.every.validate_images),
                    ("preview", self.run.every.preview_images),
                    ("save", self.run.every.save_images),
                )
            )
            more = self.images_per_second * max(left - overhead, 0.0)
        return images_seen + max(int(more), 0)

    def eta(self, images_seen: int) -> float:
        """Seconds to the end."""
        if self.run.minutes is not None:
            return max(self.run.minutes * 60 - self.elapsed, 0.0)
        more = max(self.plan(images_seen) - images_seen, 0)
        return more / self.images_per_second + sum(self.costs.values()) if self.images_per_second else math.inf
