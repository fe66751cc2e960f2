"""The training loop of every task: a generator of reports. What to do with them (log, preview, validate, save, stop) is
left to the supervisor."""

import itertools
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from debruit.data.dataset import Dataset
from debruit.data.order import Order, ahead
from debruit.training.config import TrainingConfig
from debruit.training.optim import ema
from debruit.training.time_budget import Length

PATIENCE = 10  # steps in a row without a finite gradient before the weights themselves are suspected


class Diverged(Exception):
    """PATIENCE steps in a row had no finite gradient: the weights are lost, the last saved state is not."""


@dataclass(frozen=True)
class Report:
    """Means over the steps since the last report.

    `skipped` steps had no finite gradient and changed nothing; `parts` are the terms of the loss, if it has several;
    `last` tells whether the training has reached its length.
    """

    images_seen: int
    loss: float
    grad_norm: float
    lr: float
    skipped: int
    parts: Mapping[str, float] = field(default_factory=dict)
    last: bool = False


Step = Callable[[Any, float], dict[str, Tensor]]


class Trainee(Protocol):
    """The members of a task (tasks/base.py) that the loop needs."""

    @property
    def run(self) -> TrainingConfig: ...
    @property
    def dataset(self) -> Dataset: ...
    @property
    def device(self) -> torch.device: ...

    def batch(self, order: Order, first: int, attempt: int) -> Any:
        """Return examples first..first + run.batch - 1 of the training, on the CPU, after `attempt` roll-backs.

        It may be called by another thread.
        """
        ...

    def stepping(self, state: Any) -> AbstractContextManager[Step]:
        """Provide, inside a `with` statement, the function that makes one step.

        step(batch, learning rate) returns the terms of the loss, each (), with "loss" and "grad_norm". Nothing is
        updated where "grad_norm" is not finite.
        """
        ...


def train(task: Trainee, state: Any, pool: np.ndarray, length: Length) -> Iterator[Report]:
    """Make steps from the present state to the end of `length`, on the images `pool` of the data.

    Yield a report each `every.report_images` and at the end. Only `state` is changed. Raise Diverged after PATIENCE
    steps in a row without a finite gradient.
    """
    if length.over(state):
        return
    run = task.run
    means, skipped, mark = Means(), 0, length.position(state)
    with task.stepping(state) as step:
        for batch in _batches(task, state, pool):
            rate = run.optimiser.rate(state.images_seen, length.share(state)) * state.lr_factor
            terms = step(batch, rate)
            finite = bool(torch.isfinite(terms["grad_norm"]))
            if finite:
                means.add(terms)
            skipped, state.lost_in_a_row = (skipped, 0) if finite else (skipped + 1, state.lost_in_a_row + 1)
            state.images_seen += len(batch)
            length.stepped(state)
            if state.lost_in_a_row == PATIENCE:
                raise Diverged(f"{PATIENCE} steps in a row gave no finite gradient at {state.images_seen:,} images")
            if finite:
                ema.update(state.average, state.module, run.ema.decay(state.images_seen, len(batch)))
            interrupted = state.interrupted
            last, position = length.over(state), length.position(state)
            if interrupted or last or passed(mark, position, run.every.report_images):
                parts = means.take()
                loss, norm = parts.pop("loss", float("nan")), parts.pop("grad_norm", float("nan"))
                yield Report(state.images_seen, loss, norm, rate, skipped, parts, last=last)
                skipped = 0
                # if the training is interrupted or ends while the report is handled, the loop makes one more step and
                # reports it
                position = length.position(state)
            mark = position
            if interrupted or last:
                return


def _batches(task: Trainee, state: Any, pool: np.ndarray) -> Iterator[Any]:
    """Yield the batches from the present state on."""
    order, first, attempt = Order(pool, task.run.seed, task.dataset.blocks), state.images_seen, state.attempt
    make = lambda position: task.batch(order, position, attempt)  # noqa: E731
    if task.device.type == "cpu":  # the workers of a second thread would compete with those of the network
        return map(make, itertools.count(first, task.run.batch))
    return ahead(make, first, task.run.batch)


def passed(before: float, now: float, interval: int) -> bool:
    """Whether a multiple of `interval` lies in (before, now]."""
    return before // interval != now // interval


class Means:
    """Means of terms over the steps since the last report, each over the steps that had it."""

    def __init__(self) -> None:
        self.values: dict[str, list[Tensor]] = {}

    def add(self, terms: Mapping[str, Tensor]) -> None:
        """Add the terms of one step, each ()."""
        for name, value in terms.items():
            self.values.setdefault(name, []).append(value.detach().float())

    def take(self) -> dict[str, float]:
        """Return the means by name, and begin anew."""
        means = {name: float(torch.stack(values).mean()) for name, values in self.values.items()}
        self.values = {}
        return means
