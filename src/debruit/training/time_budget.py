"""How long a training lasts: so many images, or so many minutes of wall-clock.

Everything that changes in the course of a training (the learning rate, and when to report, validate, preview and save)
is a function of the share of the budget that is spent, which only grows. With images that share is images_seen /
images. With minutes it is the time since the training began over the time that it has, so that a machine that slows
down, stalls or is suspended gets a whole schedule all the same, of fewer steps.
"""

import statistics
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Protocol

from debruit.training.config import TrainingConfig
from debruit.training.state import State

# shares of the minutes: where a training aims to end, and the latest end that is promised (the earliest is 0.97)
AIM, LATEST = 0.995, 1.01
# shares of the time so far that work beside the training may take: 8 % together
ALLOWANCE = {"save": 0.03, "validate": 0.02, "preview": 0.02, "alarm": 0.01}
FINAL = ("validate", "preview", "alarm", "save")  # what the end of a training does, for which time is reserved
FINISHING = 0.01  # share of the minutes that the last save may take longer than others, see Task.model
# share of the minutes by which the reserve may exceed what the end takes at the least: if all goes well, 0.97 are
# reached all the same
EXCESS = 0.014
CHARGED = 5.0  # times what is usual
RECENT = 9  # costs of one kind that an estimate is made of
PLANNED = 0.95  # of the minutes are training steps, as far as a plan of images is concerned
OFF = 1.5  # a speed that differs by more than this factor from the plan's is told
JUDGED = 0.02  # share of the minutes after which the speed is compared with the plan's
LEAST_JUDGED = 3.0  # seconds, at the least
SLOW = 0.2  # share of the budget after which a machine that stays slower is told


def now() -> float:
    """Seconds of a clock that is never set back. On Linux it counts the time that the machine is suspended, too."""
    if hasattr(time, "CLOCK_BOOTTIME"):
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()


def seconds_since(moment: float) -> float:
    """Seconds since a value of time.monotonic()."""
    return time.monotonic() - moment


class Length(Protocol):
    """When a training ends, as its loop sees it."""

    def position(self, state: State) -> float:
        """How far it is, in images of the plan: 0 at its beginning, `run.images` at its end. Intervals are counted in
        them."""
        ...

    def share(self, state: State) -> float:
        """The share of the budget that is spent, from 0 to 1."""
        ...

    def over(self, state: State) -> bool:
        """Whether no further step is to be made."""
        ...

    def stepped(self, state: State) -> None:
        """Told after each step."""
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
    """What each kind of work beside the training takes, in seconds."""

    def __init__(self, expected: Mapping[str, float]) -> None:
        """`expected` costs stand for those that have not been seen, and count as one observation."""
        self.expected, self.lowest = dict(expected), dict(expected)
        self.seen: dict[str, list[float]] = {}
        self.spent: dict[str, float] = {}

    def add(self, kind: str, seconds: float) -> None:
        """One of them took so long. What is charged for it is at most CHARGED times what is usual, so that a machine
        that was suspended in the middle of a save still saves later."""
        self.seen.setdefault(kind, []).append(seconds)
        charged = min(seconds, CHARGED * self.estimate(kind)) if len(self._values(kind)) > 1 else seconds
        self.spent[kind] = self.spent.get(kind, 0.0) + charged

    def estimate(self, kind: str) -> float:
        """The lower median of the last costs of this kind and of what was expected: one bad moment does not count."""
        values = self._values(kind)
        return statistics.median_low(values) if values else 0.0

    def most(self, kind: str) -> float:
        """The highest of the last costs of this kind and of what was expected."""
        return max(self._values(kind), default=0.0)

    def least(self, kind: str) -> float:
        """What work of this kind takes at the least: the lowest cost so far, or half of the lowest that was expected."""
        expected = [self.lowest[kind] / 2] if kind in self.lowest else []
        return min(expected + self.seen.get(kind, []), default=0.0)

    def expect(self, costs: Mapping[str, float]) -> None:
        """What is expected now."""
        self.expected = dict(costs)
        self.lowest = {kind: min(cost, self.lowest.get(kind, cost)) for kind, cost in costs.items()}

    def _values(self, kind: str) -> list[float]:
        expected = [self.expected[kind]] if kind in self.expected else []
        return expected + self.seen.get(kind, [])[-RECENT:]


class Budget:
    """The clock of one session of a training, and its length.

    `elapsed` counts the seconds of all sessions of the run, from the start of each command. With minutes the budget is
    also the training's `Length`; a training by images has `ByImages` and is only timed.
    """

    def __init__(
        self, run: TrainingConfig, state: State, began: float | None = None, expected: Mapping[str, float] | None = None
    ) -> None:
        """`began` (time.monotonic()) is when the command started, now by default. `expected` are costs beside the
        training by kind, in images of training that would take as long."""
        self.run, self.began = run, now() - state.elapsed - (seconds_since(began) if began is not None else 0.0)
        self.expected = dict(expected or {})
        self.costs = Costs({})
        self.images = ByImages()
        self.opened = self.elapsed
        self._share = (
            state.share if state.share_minutes == run.minutes else 0.0
        )  # a run that is prolonged has another share
        self._mark(state)

    def restart(self, state: State) -> None:
        """The training begins, or goes on after a roll-back or with another network: its speed is measured from here."""
        self._mark(state)
        if state.begun is None:
            state.begun = 0.0 if state.images_seen else self.elapsed

    def _mark(self, state: State) -> None:
        self.first_image, self.beside = state.images_seen, 0.0
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
        """Seconds kept for the last validation, preview and save."""
        assert self.seconds is not None
        kinds = [kind for kind in FINAL if self._cheap(kind)]
        finishing = min(self.costs.estimate("finish"), FINISHING * self.seconds)
        most = sum(map(self.costs.most, kinds)) + finishing
        return min(most, sum(map(self.costs.least, kinds)) + EXCESS * self.seconds)

    @property
    def last_step_by(self) -> float:
        """The time by which the last step is to be over."""
        assert self.seconds is not None
        return AIM * self.seconds - self.reserved

    @property
    def step_seconds(self) -> float:
        """What a step takes: the median of the last ones."""
        return statistics.median(self._steps) if self._steps else 0.0

    # --- the length, see Length ---

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
        case."""
        if self.seconds is None:
            return self.images.over(state)
        return state.images_seen > 0 and self.elapsed + self.step_seconds / 2 >= self.last_step_by

    # --- what the loop and the shell around it tell ---

    def stepped(self, state: State) -> None:
        """A step has ended."""
        moment = self.elapsed
        self._steps = [*self._steps[-30:], moment - self._last]
        self._last = moment
        image = self.step_seconds / self.run.batch
        self.costs.expect({kind: images * image for kind, images in self.expected.items()})

    @contextmanager
    def spends(self, kind: str) -> Generator[None]:
        """Time for something beside the training, of this kind."""
        start = self.elapsed
        yield
        self._last = self.elapsed
        self.costs.add(kind, self._last - start)
        self.beside += self._last - start

    def affords(self, kind: str, *, last: bool = False) -> bool:
        """Whether work of this kind is to be done now: within its allowance, with as much left for the end; at the end,
        unless it alone would pass its allowance or the minutes. The last save is always afforded, and a training by
        images affords all."""
        if self.seconds is None or (last and kind == "save"):
            return True
        cost, spent = self.costs.estimate(kind), self.costs.spent.get(kind, 0.0)
        if last:
            latest = LATEST * self.seconds
            return self._cheap(kind) and self.elapsed + self.costs.most(kind) + self.costs.most("save") <= latest
        share = ALLOWANCE[kind]
        return spent + cost <= share * (self.elapsed - self.opened) and spent + 2 * cost <= share * self.seconds

    def _cheap(self, kind: str) -> bool:
        """Whether work of this kind fits into its allowance of the whole at least once, or takes less than a second."""
        assert self.seconds is not None
        return kind == "save" or self.costs.estimate(kind) <= max(ALLOWANCE[kind] * self.seconds, 1.0)

    # --- what is shown ---

    def speed(self, state: State) -> float:
        """Images per second of this session while it trained; 0 before the first step."""
        training = self._last - self.started - self.beside
        return (state.images_seen - self.first_image) / training if training > 0 else 0.0

    def total(self, state: State) -> int:
        """The images of the whole training: as stated, or with minutes about what fits into them at the speed so far."""
        if self.seconds is None:
            return state.total_images
        left = max(self.last_step_by - self.elapsed, 0.0)
        beside = self.beside / max(self.elapsed - self.started, 1e-9)
        return state.images_seen + int(self.speed(state) * left * (1 - min(beside, 0.5)))

    def eta(self, state: State) -> float:
        """Seconds to the end; infinity where that cannot be known yet."""
        if self.seconds is not None:
            return max(AIM * self.seconds - self.elapsed, 0.0)
        speed, more = self.speed(state), max(state.total_images - state.images_seen, 0)
        return more / speed + sum(map(self.costs.estimate, FINAL)) if speed else float("inf")

    # --- the plan and what became of it ---

    @property
    def planned_speed(self) -> float:
        """Images per second that the plan counted with."""
        assert self.run.minutes is not None
        return self.run.images / (PLANNED * self.run.minutes * 60)

    def judged(self, state: State) -> bool:
        """Whether enough of the budget is spent to compare the speed with the plan's, with minutes."""
        if self.seconds is None or len(self._steps) < 3:
            return False
        return self.elapsed - self.started >= max(JUDGED * self.seconds, LEAST_JUDGED)

    def follow(self, run: TrainingConfig) -> None:
        """Another run of the same minutes takes the place of this one."""
        self.run, self._share = run, 0.0

    def slow(self, state: State) -> bool:
        """Whether a good part of the minutes has shown that the machine is slower than the plan counted with."""
        if self.seconds is None or self.share(state) < SLOW:
            return False
        return self.speed(state) * OFF < self.planned_speed

    def misjudged(self, state: State) -> float | None:
        """The speed as a factor of the plan's where the two differ by more than OFF, else None."""
        factor = self.speed(state) / self.planned_speed
        return factor if not 1 / OFF <= factor <= OFF else None
