"""How far a long computation in stages is, and when it will end."""

import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Progress:
    """`done` of `total` units of the present stage; `eta_seconds` to the end of everything."""

    stage: str
    done: float
    total: float
    eta_seconds: float


class Pace:
    """Follows stages whose lengths were guessed (`expected`, seconds): the present one's rate is measured, and what is still to come counts as
    guessed."""

    def __init__(self, expected: dict[str, float], *, clock: Callable[[], float] = time.monotonic) -> None:
        self.expected, self._clock = dict(expected), clock

    @property
    def left(self) -> float:
        """Seconds that the stages not yet begun are expected to take."""
        return sum(self.expected.values())

    def follow(self, stage: str, total: float, work: Iterator[float]) -> Generator[Progress, None, T]:
        """The progress of one stage whose `work` yields the units done (parts found on disk come quickly, and do not count for the rate);
        returns what the work returns."""
        guess = self.expected.pop(stage, 0.0)
        spent, measured, before = 0.0, 0.0, 0.0
        mark = self._clock()
        yield Progress(stage, 0, total, guess + self.left)
        while True:
            try:
                done = next(work)
            except StopIteration as end:
                yield Progress(stage, total, total, self.left)
                return end.value
            now = self._clock()
            passed, units, mark = now - mark, done - before, now
            before = done
            if passed > FROM_DISK_SECONDS:
                spent, measured = spent + passed, measured + units
            rate = spent / measured if measured else guess / total if total else 0.0
            yield Progress(stage, done, total, rate * (total - done) + self.left)


FROM_DISK_SECONDS = 0.02  # a part that comes sooner was read, not computed
