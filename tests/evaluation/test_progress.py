"""Estimates of the time to the end, with scripted costs and a clock that only they move."""

import numpy as np
import pytest

import judging
from debruit import events
from debruit.evaluation.progress import Cost, Rate, StageTimer

KINDS = {"evaluation": 0.004, "feature": 0.007, "score": 1.5}
STAGES = (
    ("samples", Cost("evaluation", 500 * 38), 500),
    ("features", Cost("feature", 500), 500),
    ("features of real images", Cost("feature", 6_000), 6_000),
    ("scores", Cost("score", 12), 12),
    ("likelihood", Cost("gradient", 128 * 300), 128),
)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def seconds(cost: Cost, truth: dict[str, float]) -> float:
    return cost.units * truth[cost.kind]


def ticks(clock, total, duration, *, steps=40, found=0.0, load=lambda now: 1.0):
    """Work whose first share `found` lies on the disk."""
    for k in range(1, steps + 1):
        if k / steps > found:
            clock.now += duration / steps * load(clock.now)
        yield total * k / steps


def walk(truth, guesses, *, found=0.0, load=lambda now: 1.0):
    """(clock, eta, share) of every report, and the clock at the end."""
    clock = Clock()
    rates = {kind: Rate(guess, like="evaluation" if kind == "gradient" else "") for kind, guess in guesses.items()}
    expected = {name: Cost(c.kind, c.units, 1 - found) for name, c, _ in STAGES}
    pace, seen = StageTimer(expected, rates, clock=clock), []
    for name, cost, total in STAGES:
        work = ticks(clock, total, seconds(cost, truth), found=found, load=load)
        with events.listen(lambda p: seen.append((clock.now, p.eta, p.values["share"]))):
            pace.run(name, total, work)
    return seen, clock.now


def off(seen, end, *, after=0.0) -> float:
    """The largest factor between the time said and the time that it took, where more than a twentieth was left."""
    factors = [
        max(eta / (end - now), (end - now) / max(eta, 1e-9))
        for now, eta, _ in seen
        if end - now > end / 20 and now >= after * end
    ]
    return max(factors)


@pytest.mark.parametrize("seed", range(20))
def test_within_a_factor_of_two_whatever_the_probes_were_off_by(seed):
    """Probes within 1.7 of the truth for each kind by itself; what is derived from the probe of the network, within 1.3
    of that."""
    rng = np.random.default_rng(seed)
    truth = KINDS | {"gradient": 0.011}
    guesses = {kind: value * float(np.exp(rng.uniform(-1, 1) * np.log(1.7))) for kind, value in KINDS.items()}
    derived = truth["gradient"] * guesses["evaluation"] / truth["evaluation"]
    guesses["gradient"] = derived * float(np.exp(rng.uniform(-1, 1) * np.log(1.3)))
    seen, end = walk(truth, guesses)
    assert off(seen, end) < 2


@pytest.mark.parametrize("slower", [0.4, 3.0])
def test_a_machine_that_is_slower_than_the_probes_is_noticed_and_corrects_the_stages_to_come(slower):
    truth = {kind: value * slower for kind, value in (KINDS | {"gradient": 0.011}).items()}
    seen, end = walk(truth, KINDS | {"gradient": 0.011})
    assert off(seen, end, after=0.03) < 2


def test_load_for_a_while_is_followed():
    truth = KINDS | {"gradient": 0.011}
    _, end = walk(truth, truth)
    seen, slow = walk(truth, truth, load=lambda now: 2.0 if 20 < now < 90 else 1.0)
    assert slow > end
    assert off(seen, slow) < 2


def test_a_resumed_work_says_what_is_left_and_not_the_whole():
    truth = KINDS | {"gradient": 0.011}
    _, end = walk(truth, truth)
    seen, short = walk(truth, truth, found=0.5)
    assert short == pytest.approx(end / 2, rel=0.05)
    assert seen[0][1] == pytest.approx(short, rel=0.1)
    assert off(seen, short) < 1.3


def test_what_is_on_the_disk_unforeseen_is_taken_off_as_it_is_met():
    clock = Clock()
    pace = StageTimer({"samples": Cost("evaluation", 100)}, {"evaluation": Rate(1.0)}, clock=clock)
    with judging.reports() as heard:
        pace.run("samples", 100, ticks(clock, 100, 100.0, steps=10, found=0.7))
    etas = [p.eta for p in heard]
    assert etas[0] == 100
    assert etas[7] == pytest.approx(30)
    assert etas[-1] == 0


def test_the_share_never_falls_and_ends_at_one_and_the_totals_of_a_stage_stay():
    rng = np.random.default_rng(0)
    truth = KINDS | {"gradient": 0.011}
    guesses = {kind: value * float(rng.uniform(0.3, 3)) for kind, value in truth.items()}
    seen, _ = walk(truth, guesses)
    shares = [share for _, _, share in seen]
    assert shares == sorted(shares)
    assert shares[-1] == 1
    clock = Clock()
    pace = StageTimer({"a": 10.0}, clock=clock)
    with judging.reports() as heard:
        pace.run("a", 7, ticks(clock, 7, 5.0))
    assert {p.total for p in heard} == {7}


def test_units_of_different_weight():
    clock = Clock()

    def work():
        for k, cost in enumerate((1.0, 9.0), start=1):
            clock.now += cost
            yield k

    pace = StageTimer({"scores": Cost("score", 10.0)}, {"score": Rate(1.0)}, clock=clock)
    with judging.reports() as heard:
        pace.run("scores", 2, work(), weigh=lambda done: {0: 0, 1: 0.1, 2: 1}[int(done)])
    etas = [p.eta for p in heard]
    assert etas == pytest.approx([10, 9, 0, 0])
