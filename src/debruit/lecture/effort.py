"""How long a page takes: its network evaluations, their time on this device, and progress while they are made.

The time of one call of the network on a batch of B images is taken as a + b B, from two measurements. Everything else
(histograms, PNG files) takes seconds and is not counted.
"""

import contextlib
import threading
import time
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from debruit import events
from debruit.lecture.chapter import Calls, Chapter
from debruit.lecture.study import BATCH, Detail, Study

QUICK_SECONDS = 60.0  # at most, with --quick
SHARE = 0.6  # of these for the network; the rest is for what is not counted, and for a machine that others use too
REPORT_SECONDS = 0.5  # between two reports of progress
# what --quick may choose, the first that fits
QUICK = (
    Detail(brief=True, frames=21, strata=20, draws=4, budgets=(4, 8, 16), reference_steps=32),
    Detail(
        brief=True, frames=15, strata=14, draws=3, images=2, chain_steps=100, budgets=(4, 8), reference_steps=16,
        weights=(0.0, 1.0, 4.0), guided_images=2,
    ),
    Detail(
        brief=True, frames=9, strata=8, draws=2, iterations=6, gradients=False, images=1, chain_steps=25,
        budgets=(4, 8), reference_steps=8, weights=(0.0, 1.0, 4.0), guided_images=1,
    ),
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Speed:
    """Seconds of one call of the network: `call` + `image` times its batch."""

    call: float
    image: float

    def seconds(self, calls: Iterable[Calls]) -> float:
        """Return the seconds of these calls."""
        return sum(c.count * (self.call + self.image * c.batch) for c in calls)


def calls_of(study: Study, chapters: Iterable[Chapter]) -> list[Calls]:
    """Return the calls of the network that the chapters make with `study.detail`."""
    return [calls for chapter in chapters for calls in chapter.calls(study)]


def evaluations(calls: Iterable[Calls]) -> int:
    """Return the number of network evaluations, each of one image."""
    return sum(c.count * c.batch for c in calls)


@torch.inference_mode()
def measured(study: Study) -> Speed:
    """Measure the network on one image and on a few: two calls each, the faster one counts."""
    one = _seconds(study, 1)
    if one > 5.0:  # a network of seconds: its overhead does not matter
        return Speed(call=0.0, image=one)
    many = _seconds(study, BATCH)
    image = max((many - one) / (BATCH - 1), 0.0)
    return Speed(call=max(one - image, 0.0), image=image)


def quick_detail(study: Study, chapters: Sequence[Chapter], speed: Speed) -> Detail:
    """Return the first detail of QUICK whose time fits, or the last."""
    for detail in QUICK[:-1]:
        if speed.seconds(calls_of(study.at(detail), chapters)) <= SHARE * QUICK_SECONDS:
            return detail
    return QUICK[-1]


@contextlib.contextmanager
def reporting(study: Study, calls: Sequence[Calls], speed: Speed) -> Generator[None]:
    """Inside, report the network evaluations of this thread against those that were expected, with the time to the end.

    The work can be cancelled between two calls of the network.
    """
    follower = _Follower(total=evaluations(calls), expected=speed.seconds(calls), speed=speed)
    handle = study.model.backbone.register_forward_pre_hook(follower)
    try:
        yield
    finally:
        handle.remove()


class _Follower:
    """A hook of the network that counts its evaluations; those of other threads are not of this page."""

    def __init__(self, *, total: int, expected: float, speed: Speed) -> None:
        self.total, self.expected, self.speed = total, expected, speed
        self.done, self.spent = 0, 0.0
        self.began = self.reported = time.monotonic()
        self.thread = threading.get_ident()

    def __deepcopy__(self, memo: object) -> "_Follower":
        """A copy of the network is counted with it."""
        return self

    def __call__(self, module: torch.nn.Module, arguments: tuple[Tensor, ...]) -> None:
        if threading.get_ident() != self.thread:
            return
        events.check_cancelled()
        now, batch = time.monotonic(), len(arguments[0])
        if now - self.reported >= REPORT_SECONDS and self.spent:
            self.reported = now
            pace = (now - self.began) / self.spent  # above 1 where the machine is busier than when it was measured
            eta = max(self.expected - self.spent, 0.0) * pace
            events.progress("explain", min(self.done, self.total), self.total, eta=eta, unit="network evaluations")
        self.done += batch
        self.spent += self.speed.call + self.speed.image * batch


def _seconds(study: Study, batch: int) -> float:
    x = study.noise(batch)()
    step = torch.full((batch,), study.chain.chain.steps, device=x.device)
    times = []
    for _ in range(2):
        began = time.perf_counter()
        float(study.estimate(x, step).x0.sum())  # waits for the device
        times.append(time.perf_counter() - began)
    return min(times)
