"""--minutes is a promise: simulated machines, whose speed drifts, end within 5 % of it or one report."""

import math

import pytest
import tiny

from debruit.training import clock as clocks
from debruit.training.clock import Clock
from debruit.training.run import Every
from debruit.training.state import TrainState


class Machine:
    """A clock that only work advances. `speed(fraction of the time)` is in images per second."""

    def __init__(self, speed, seconds):
        self.now, self.speed, self.seconds = 1000.0, speed, seconds

    def monotonic(self):
        return self.now

    def train(self, images):
        for _ in range(images):
            self.now += 1 / self.speed((self.now - 1000) / self.seconds)


SPEEDS = {
    "steady": lambda f: 100.0,
    "slow start": lambda f: 10.0 if f < 0.05 else 100.0,
    "slows to half": lambda f: 100.0 * (1 - 0.5 * f),
    "doubles": lambda f: 50.0 * (1 + f),
    "wavers": lambda f: 100.0 * (1 + 0.3 * math.sin(40 * f)),
}


@pytest.mark.parametrize("drift", SPEEDS)
@pytest.mark.parametrize("guess", [0.3, 1.0, 3.0])
def test_the_end_comes_when_promised(monkeypatch, drift, guess):
    minutes, report = 5.0, 300
    machine = Machine(SPEEDS[drift], minutes * 60)
    monkeypatch.setattr(clocks, "time", machine)
    every = Every(report_images=report, validate_images=3_000, preview_images=3_000, save_images=6_000)
    run = tiny.run(minutes=minutes, images=int(guess * 100 * minutes * 60), every=every)
    state = TrainState.start(run, "cpu")
    state.total_images = run.images
    clock = Clock(run, state)
    seen = 0
    while seen < state.total_images:
        step = min(report, state.total_images - seen)
        machine.train(step)
        seen += step
        clock.trained(seen)
        last = seen >= state.total_images
        for kind, interval, cost in (("validate", 3_000, 1.0), ("preview", 3_000, 3.0), ("save", 6_000, 0.5)):
            if last or seen // interval != (seen - step) // interval:
                with clock.spends(kind):
                    machine.now += cost
        state.total_images = seen if last else clock.plan(seen)
    late = clock.elapsed - minutes * 60
    tolerance = max(0.05 * minutes * 60, report / machine.speed(1.0))
    # a first guess that is too short cannot be mended once it has been reached
    if guess >= 1 or drift == "doubles":
        assert abs(late) <= tolerance, f"{late:+.1f} s"
    else:
        assert late <= tolerance


def test_a_resumed_run_has_the_time_that_was_left(monkeypatch):
    machine = Machine(lambda f: 100.0, 600)
    monkeypatch.setattr(clocks, "time", machine)
    run = tiny.run(minutes=10, images=60_000)
    state = TrainState.start(run, "cpu")
    state.images_seen, state.elapsed = 30_000, 300.0
    clock = Clock(run, state)
    machine.train(3_000)
    clock.trained(33_000)
    assert clock.elapsed == pytest.approx(330)
    assert clock.plan(33_000) == pytest.approx(60_000, rel=0.02)


def test_a_run_by_images_is_not_moved_by_the_clock(monkeypatch):
    machine = Machine(lambda f: 7.0, 600)
    monkeypatch.setattr(clocks, "time", machine)
    run = tiny.run(images=1_000)
    clock = Clock(run, TrainState.start(run, "cpu"))
    machine.train(100)
    clock.trained(100)
    assert clock.plan(100) == 1_000
    assert clock.eta(100) == pytest.approx(900 / 7, rel=0.01)
