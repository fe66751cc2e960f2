"""How far a long computation in stages is, and when it will end.

Each stage costs units of a kind of work (an evaluation of the network, a feature of one image, ...). What a unit takes is first a guess, from a probe, and
then what the units of that kind took, those of the last minute most: a stage that is measured corrects the later ones of its kind. What was found on
the disk takes no time and counts for no rate.
"""

import math
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")

FROM_DISK_SECONDS = 0.02  # a part that comes sooner was read, not computed
MEASURED_SECONDS = 0.5  # of work, before the rate of a kind is taken for measured
MEMORY_SECONDS = 60  # of work, after which what was measured counts for a third


@dataclass(frozen=True)
class Progress:
    """`done` of `total` units of the present stage; `eta_seconds` to the end of everything; `share` of everything that is done, which never falls."""

    stage: str
    done: float
    total: float
    eta_seconds: float
    share: float = 0.0


@dataclass(frozen=True)
class Cost:
    """What a stage takes: `units` of a `kind` of work for all of it, of which the share `fresh` is still to be computed."""

    kind: str
    units: float
    fresh: float = 1.0


@dataclass
class Rate:
    """Seconds a unit of one kind: `guess` until some work was measured. Another kind that is slowed down alike is named by `like`."""

    guess: float
    like: str = ""
    spent: float = 0.0
    units: float = 0.0

    def add(self, seconds: float, units: float) -> None:
        kept = math.exp(-seconds / MEMORY_SECONDS)
        self.spent, self.units = kept * self.spent + seconds, kept * self.units + units

    @property
    def measured(self) -> bool:
        return self.spent >= MEASURED_SECONDS and self.units > 0


class Pace:
    """Follows stages. `expected` has for each a Cost, or its seconds where nothing else is of its kind; `rates` are the kinds of the costs."""

    def __init__(
        self, expected: Mapping[str, Cost | float], rates: Mapping[str, Rate] | None = None, *, clock: Callable[[], float] = time.monotonic
    ) -> None:  # fmt: skip
        self._clock, self._rates = clock, dict(rates or {})
        self.expected: dict[str, Cost] = {}
        for stage, cost in expected.items():
            self.expected[stage] = cost if isinstance(cost, Cost) else Cost(stage, 1.0)
            if not isinstance(cost, Cost):
                self._rates[stage] = Rate(cost)
        self._done = self._share = 0.0

    def seconds(self, stage: str) -> float:
        """What a stage that is not yet begun is expected to take."""
        cost = self.expected.get(stage)
        return 0.0 if cost is None else cost.units * cost.fresh * self._rate(cost.kind)

    @property
    def left(self) -> float:
        """Seconds that the stages not yet begun are expected to take."""
        return sum(map(self.seconds, self.expected))

    def follow(
        self, stage: str, total: float, work: Iterator[float], *, weigh: Callable[[float], float] | None = None
    ) -> Generator[Progress, None, T]:
        """The progress of one stage whose `work` yields the units done; returns what the work returns. `weigh` takes the units done to the share of the
        stage's cost, where the units are of different weight."""
        cost = self.expected.pop(stage, Cost(stage, 1.0))
        share_of = weigh or (lambda done: done / total if total else 1.0)
        before = computed = 0.0
        mark = self._clock()
        yield self._progress(stage, 0, total, cost, min(1.0, cost.fresh))
        while True:
            try:
                done = next(work)
            except StopIteration as end:
                yield self._progress(stage, total, total, cost, 0.0)
                return end.value
            now = self._clock()
            passed, mark = now - mark, now
            share, before = share_of(done) - before, share_of(done)
            if passed > FROM_DISK_SECONDS and share > 0:
                computed += share
                self._rates.setdefault(cost.kind, Rate(0.0)).add(passed, share * cost.units)
            self._done += passed
            rest = max(
                0.0, min(1.0 - before, max(cost.fresh - computed, 0.0) if computed < cost.fresh else 1.0 - before)
            )
            yield self._progress(stage, done, total, cost, rest)

    def _progress(self, stage: str, done: float, total: float, cost: Cost, rest: float) -> Progress:
        eta = rest * cost.units * self._rate(cost.kind) + self.left
        self._share = max(self._share, self._done / (self._done + eta) if self._done + eta > 0 else 0.0)
        return Progress(stage, done, total, eta, self._share)

    def _rate(self, kind: str) -> float:
        """Seconds a unit: as measured, else as guessed, corrected by what a kind like it has shown."""
        rate = self._rates.get(kind)
        if rate is None:
            return 0.0
        if rate.measured:
            return rate.spent / rate.units
        other = self._rates.get(rate.like)
        slower = self._rate(rate.like) / other.guess if other is not None and other.measured and other.guess else 1.0
        return rate.guess * slower
