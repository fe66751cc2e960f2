"""The remaining time of a long computation in stages.

Each stage costs units of a kind of work (an evaluation of the network, the features of one image, ...). The time per
unit is first a guess, from a probe, and then what units of that kind took, those of the last minute most, so that a
measured stage corrects later stages of its kind. Results that are read from disk take no time and do not count.
"""

import math
import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from typing import TypeVar

from debruit import events

T = TypeVar("T")

FROM_DISK_SECONDS = 0.02  # a part that comes sooner was read, not computed
MEASURED_SECONDS = 0.5  # of work, before the rate of a kind counts as measured
MEMORY_SECONDS = 60  # of work, after which earlier measurements count for a third


@dataclass(frozen=True)
class Cost:
    """The work of a stage: `units` of a `kind`, of which the share `fresh` is still to be computed."""

    kind: str
    units: float
    fresh: float = 1.0


@dataclass
class Rate:
    """Seconds per unit of one kind: `guess` until some work was measured. `like` names another kind that is slowed down
    in the same way."""

    guess: float
    like: str = ""
    spent: float = 0.0
    units: float = 0.0

    def add(self, seconds: float, units: float) -> None:
        weight = math.exp(-seconds / MEMORY_SECONDS)
        self.spent, self.units = weight * self.spent + seconds, weight * self.units + units

    @property
    def measured(self) -> bool:
        return self.spent >= MEASURED_SECONDS and self.units > 0


class StageTimer:
    """Runs stages and reports their progress. `expected` has for each a Cost, or its seconds if nothing else is of its
    kind; `rates` are the kinds of the costs."""

    def __init__(
        self,
        expected: Mapping[str, Cost | float],
        rates: Mapping[str, Rate] | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock, self._rates = clock, dict(rates or {})
        self.expected: dict[str, Cost] = {}
        for stage, cost in expected.items():
            self.expected[stage] = cost if isinstance(cost, Cost) else Cost(stage, 1.0)
            if not isinstance(cost, Cost):
                self._rates[stage] = Rate(cost)
        self._done = self._share = 0.0

    def seconds(self, stage: str) -> float:
        """Expected seconds of a stage that has not begun."""
        cost = self.expected.get(stage)
        return 0.0 if cost is None else cost.units * cost.fresh * self._rate(cost.kind)

    @property
    def left(self) -> float:
        """Expected seconds of all stages that have not begun."""
        return sum(map(self.seconds, self.expected))

    def run(
        self,
        stage: str,
        total: float,
        work: Generator[float, None, T],
        *,
        weigh: Callable[[float], float] | None = None,
    ) -> T:
        """Run `work`, which yields the units done, report its progress, and return its result.

        `weigh` maps the units done to the share of the stage's cost, if units differ in cost. The event's value `share`
        is the share of all stages that is done, and never falls. Cancelled: the work of this context was cancelled.
        """
        cost = self.expected.pop(stage, Cost(stage, 1.0))
        share_of = weigh or (lambda done: done / total if total else 1.0)
        before = computed = 0.0
        mark = self._clock()
        self._report(stage, 0, total, cost, min(1.0, cost.fresh))
        while True:
            try:
                done = next(work)
            except StopIteration as end:
                self._report(stage, total, total, cost, 0.0)
                return end.value
            now = self._clock()
            passed, mark = now - mark, now
            share, before = share_of(done) - before, share_of(done)
            if passed > FROM_DISK_SECONDS and share > 0:
                computed += share
                self._rates.setdefault(cost.kind, Rate(0.0)).add(passed, share * cost.units)
            self._done += passed
            fresh = max(cost.fresh - computed, 0.0) if computed < cost.fresh else 1.0 - before
            self._report(stage, done, total, cost, max(0.0, min(1.0 - before, fresh)))

    def _report(self, stage: str, done: float, total: float, cost: Cost, rest: float) -> None:
        eta = rest * cost.units * self._rate(cost.kind) + self.left
        self._share = max(self._share, self._done / (self._done + eta) if self._done + eta > 0 else 0.0)
        events.progress(stage, done, total, eta=eta, share=self._share)
        events.check_cancelled()

    def _rate(self, kind: str) -> float:
        """Seconds per unit: measured, or guessed and corrected by the measured rate of a similar kind."""
        rate = self._rates.get(kind)
        if rate is None:
            return 0.0
        if rate.measured:
            return rate.spent / rate.units
        other = self._rates.get(rate.like)
        slower = self._rate(rate.like) / other.guess if other is not None and other.measured and other.guess else 1.0
        return rate.guess * slower
