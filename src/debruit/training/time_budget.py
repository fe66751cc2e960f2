"""The length of a training: a number of images, or minutes of wall-clock time.

Everything that changes in the course of a training (the learning rate, and when to report, validate, preview and save)
is a function of the share of the budget that is spent, which only grows. With images that share is images_seen /
images. With minutes it is the time since the training began over the time that it has, so a machine that slows down,
stalls or is suspended still gets a complete schedule, of fewer steps.

"Overhead" is all work that is not a training step: saves, validations, previews and the alarm.
"""

import statistics
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Protocol

from debruit.training.config import TrainingConfig
from debruit.training.state import State

# shares of the minutes: the intended end of a training, and the earliest and the latest one that are promised
AIM, EARLIEST, LATEST = 0.995, 0.97, 1.01
# shares of the time so far that each kind of overhead may take: 8 % together
ALLOWANCE = {"save": 0.03, "validate": 0.02, "preview": 0.02, "alarm": 0.01}
FINAL = ("validate", "preview", "alarm", "save")  # done at the end of a training, with time reserved for it
FINISHING = 0.01  # share of the minutes by which the last save may exceed the others, see Task.model
# share of the minutes by which the reserve may exceed the least duration of the end, so that 0.97 are still reached
# if everything is fast
EXCESS = 0.014
CHARGED = 5.0  # times the usual cost, see Costs.add
RECENT = 9  # number of costs of one kind in an estimate
PLANNED = 0.95  # share of the minutes that a plan counts as training steps
OFF = 1.5  # a speed that differs from the plan's by more than this factor is reported
KNOWN = 0.02  # share of the minutes after which the speed is compared with the plan's
LEAST_KNOWN = 3.0  # seconds after which it is compared at the earliest
SLOW = 0.2  # share of the budget after which a slower machine is reported


def now() -> float:
    """Return the seconds of a clock that is never set back. On Linux it also counts time during which the machine is
    suspended."""
    if hasattr(time, "CLOCK_BOOTTIME"):
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()


def seconds_since(moment: float) -> float:
    """Return the seconds since a value of time.monotonic()."""
    return time.monotonic() - moment


class Length(Protocol):
    """When a training ends, as its loop needs it."""

    def position(self, state: State) -> float:
        """Return the progress in images of the plan: 0 at the beginning, `run.images` at the end. Intervals are counted
        in it."""
        ...

    def share(self, state: State) -> float:
        """Return the share of the budget that is spent, from 0 to 1."""
        ...

    def over(self, state: State) -> bool:
        """Whether no further step is to be made."""
        ...

    def stepped(self, state: State) -> None:
        """Record that a step has ended."""
        ...


class ByImages:
    """A length of `state.total_images` images."""

    def position(self, state: State) -> float:
        return state.images_seen

    def share(self, state: State) -> float:
        return min(state.images_seen / max(state.total_images, 1), 1.0)

    def over(self, state: State) -> bool:
        return state.images_seen >= state.total_images

    def stepped(self, state: State) -> None:
        pass


class Costs:
    """The duration of each kind of overhead, in seconds."""

    def __init__(self, expected: Mapping[str, float]) -> None:
        """`expected` costs are used for kinds that have not been observed, and count as one observation."""
        self.expected, self.lowest = dict(expected), dict(expected)
        self.seen: dict[str, list[float]] = {}
        self.spent: dict[str, float] = {}

    def add(self, kind: str, seconds: float) -> None:
        """Record a duration. At most CHARGED times the usual one counts as spent, so that a machine that was suspended
        in the middle of a save still saves later."""
        self.seen.setdefault(kind, []).append(seconds)
        charged = min(seconds, CHARGED * self.estimate(kind)) if len(self._values(kind)) > 1 else seconds
        self.spent[kind] = self.spent.get(kind, 0.0) + charged

    def estimate(self, kind: str) -> float:
        """Return the lower median of the recent and the expected costs of this kind, which a single outlier does not
        affect."""
        values = self._values(kind)
        return statistics.median_low(values) if values else 0.0

    def most(self, kind: str) -> float:
        """Return the highest of the recent and the expected costs of this kind."""
        return max(self._values(kind), default=0.0)

    def least(self, kind: str) -> float:
        """Return a lower bound for this kind: the lowest cost so far, or half of the lowest expected one."""
        expected = [self.lowest[kind] / 2] if kind in self.lowest else []
        return min(expected + self.seen.get(kind, []), default=0.0)

    def expect(self, costs: Mapping[str, float]) -> None:
        """Set the expected costs."""
        self.expected = dict(costs)
        self.lowest = {kind: min(cost, self.lowest.get(kind, cost)) for kind, cost in costs.items()}

    def _values(self, kind: str) -> list[float]:
        expected = [self.expected[kind]] if kind in self.expected else []
        return expected + self.seen.get(kind, [])[-RECENT:]


class Budget:
    """The clock of one session of a training, and its length.

    `elapsed` counts the seconds of all sessions of the run, each from the start of its command. With minutes the budget
    is also the training's `Length`; a training by images uses `ByImages` and is only timed.
    """

    def __init__(
        self, run: TrainingConfig, state: State, began: float | None = None, expected: Mapping[str, float] | None = None
    ) -> None:
        """`began` (time.monotonic()) is when the command started, now by default. `expected` are the overheads by kind,
        in images of training that would take as long."""
        self.run, self.began = run, now() - state.elapsed - (seconds_since(began) if began is not None else 0.0)
        self.expected = dict(expected or {})
        self.costs = Costs({})
        self.images = ByImages()
        self.opened = self.elapsed
        # the share that was spent does not count if the run was given other minutes
        self._share = state.share if state.share_minutes == run.minutes else 0.0
        self._mark(state)

    def restart(self, state: State) -> None:
        """Start to measure the speed: at the beginning, after a roll-back, or with another network."""
        self._mark(state)
        if state.begun is None:
            state.begun = 0.0 if state.images_seen else self.elapsed

    def _mark(self, state: State) -> None:
        self.first_image, self.overhead = state.images_seen, 0.0
        self.started = self._last = self.elapsed
        self._steps: list[float] = []

    # --- time ---

    @property
    def elapsed(self) -> float:
        """Seconds of this training up to now, over all its sessions."""
        return now() - self.began

    @property
    def seconds(self) -> float | None:
        """Seconds of the whole budget, None for a training by images."""
        return None if self.run.minutes is None else self.run.minutes * 60

    @property
    def reserved(self) -> float:
        """Seconds reserved for the last validation, preview and save."""
        assert self.seconds is not None
        finishing = min(self.costs.estimate("finish"), FINISHING * self.seconds)
        most = sum(map(self.costs.most, self._final())) + finishing
        return min(most, self.least_reserved + EXCESS * self.seconds)

    @property
    def least_reserved(self) -> float:
        """The least seconds that the last validation, preview and save may take."""
        return sum(map(self.costs.least, self._final()))

    def _final(self) -> list[str]:
        return [kind for kind in FINAL if self._cheap(kind)]

    @property
    def last_step_by(self) -> float:
        """The time by which the last step must end, in seconds."""
        assert self.seconds is not None
        return AIM * self.seconds - self.reserved

    @property
    def step_seconds(self) -> float:
        """The duration of a step: the median of the recent ones."""
        return statistics.median(self._steps) if self._steps else 0.0

    # --- length, see Length ---

    def position(self, state: State) -> float:
        return self.images.position(state) if self.seconds is None else self.share(state) * self.run.images

    def share(self, state: State) -> float:
        if self.seconds is None:
            return self.images.share(state)
        begun = state.begun or 0.0
        passed = (self.elapsed - begun) / max(self.last_step_by - begun, 1e-9)
        self._share = state.share = min(max(self._share, passed), 1.0)
        state.share_minutes = self.run.minutes or 0.0
        return self._share

    def over(self, state: State) -> bool:
        """With minutes: whether another step would end too late. A training that has not begun makes one step in any
        case, and one that would end too early makes another step if that still ends in time."""
        if self.seconds is None:
            return self.images.over(state)
        if state.images_seen == 0 or self.elapsed + self.step_seconds / 2 < self.last_step_by:
            return False
        early = self.elapsed + self.least_reserved < EARLIEST * self.seconds
        return not (early and self.elapsed + self.step_seconds + self.reserved <= LATEST * self.seconds)

    # --- called by the loop and the supervisor ---

    def stepped(self, state: State) -> None:
        """Record that a step has ended."""
        moment = self.elapsed
        self._steps = [*self._steps[-30:], moment - self._last]
        self._last = moment
        image = self.step_seconds / self.run.batch
        self.costs.expect({kind: images * image for kind, images in self.expected.items()})

    @contextmanager
    def spends(self, kind: str) -> Generator[None]:
        """Time the overhead inside this `with` statement, of this kind."""
        start = self.elapsed
        yield
        self._last = self.elapsed
        self.costs.add(kind, self._last - start)
        self.overhead += self._last - start

    def affords(self, kind: str, *, last: bool = False) -> bool:
        """Whether overhead of this kind fits now: into its allowance, with as much left for the end of the training.

        At the end (`last`) it fits unless it alone would exceed its allowance or the minutes. The last save always
        fits, and in a training by images everything does.
        """
        if self.seconds is None or (last and kind == "save"):
            return True
        cost, spent = self.costs.estimate(kind), self.costs.spent.get(kind, 0.0)
        if last:
            latest = LATEST * self.seconds
            return self._cheap(kind) and self.elapsed + self.costs.most(kind) + self.costs.most("save") <= latest
        share = ALLOWANCE[kind]
        return spent + cost <= share * (self.elapsed - self.opened) and spent + 2 * cost <= share * self.seconds

    def _cheap(self, kind: str) -> bool:
        """Whether this kind fits into its allowance of the whole budget at least once, or takes less than a second."""
        assert self.seconds is not None
        return kind == "save" or self.costs.estimate(kind) <= max(ALLOWANCE[kind] * self.seconds, 1.0)

    # --- display ---

    def speed(self, state: State) -> float:
        """Return the images per second of the training steps of this session; 0 before the first step."""
        training = self._last - self.started - self.overhead
        return (state.images_seen - self.first_image) / training if training > 0 else 0.0

    def total(self, state: State) -> int:
        """Return the images of the whole training: as given, or with minutes an estimate from the speed so far."""
        if self.seconds is None:
            return state.total_images
        left = max(self.last_step_by - self.elapsed, 0.0)
        overhead = self.overhead / max(self.elapsed - self.started, 1e-9)
        return state.images_seen + int(self.speed(state) * left * (1 - min(overhead, 0.5)))

    def eta(self, state: State) -> float:
        """Return the seconds to the end; infinity if unknown."""
        if self.seconds is not None:
            return max(AIM * self.seconds - self.elapsed, 0.0)
        speed, more = self.speed(state), max(state.total_images - state.images_seen, 0)
        return more / speed + sum(map(self.costs.estimate, FINAL)) if speed else float("inf")

    # --- comparison with the plan ---

    @property
    def planned_speed(self) -> float:
        """Images per second that the plan assumed."""
        assert self.run.minutes is not None
        return self.run.images / (PLANNED * self.run.minutes * 60)

    def speed_is_known(self, state: State) -> bool:
        """Whether enough of the minutes is spent to compare the speed with the plan's."""
        if self.seconds is None or len(self._steps) < 3:
            return False
        return self.elapsed - self.started >= max(KNOWN * self.seconds, LEAST_KNOWN)

    def adopt(self, run: TrainingConfig) -> None:
        """Replace the run by another one of the same minutes."""
        self.run, self._share = run, 0.0

    def slow(self, state: State) -> bool:
        """Whether a good part of the minutes has shown that the machine is slower than planned, by a factor of OFF."""
        if self.seconds is None or self.share(state) < SLOW:
            return False
        return self.speed(state) * OFF < self.planned_speed

    def speed_mismatch(self, state: State) -> float | None:
        """Return the speed as a multiple of the planned one if they differ by more than OFF, else None."""
        factor = self.speed(state) / self.planned_speed
        return factor if not 1 / OFF <= factor <= OFF else None
