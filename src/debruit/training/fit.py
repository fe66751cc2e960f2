"""From a Run to a run folder: the shell around the loop. It owns the clock, the files and the interruptions, and yields what a screen shows."""

import math
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

import torch

from debruit.data.dataset import Dataset
from debruit.data.split import split_of
from debruit.errors import InputError
from debruit.training.clock import Clock
from debruit.training.folder import RunFolder, alone
from debruit.training.run import Training
from debruit.training.state import State
from debruit.training.step import Diverged, Report, passed
from debruit.training.task import Task
from debruit.training.tasks import open_task
from debruit.training.validation import Validation, beside

Alarm = Callable[[Any], str | None]
ROLL_BACKS = 3  # how often a training may return to its last good state before it stops


@dataclass(frozen=True)
class Progress:
    """Where a training is: the loop's report, the validation if one was made with the same on training images, the clock's view, what the alarm
    said if it was asked and spoke, and what the task said after its validation (task.py)."""

    report: Report
    validation: Validation | None
    training: Validation | None
    alarm: str | None
    watched: str | None
    total_images: int
    images_per_second: float
    eta_seconds: float
    saved: bool
    interrupted: bool = False


def fit(
    folder: RunFolder,
    dataset: Dataset,
    device: torch.device,
    say: Callable[[str], None],
    *,
    resume: bool = False,
    began: float | None = None,
    alarm: Alarm | None = None,
) -> Iterator[Progress]:
    """Trains the folder's run to its end, saving as it goes. `began` (time.monotonic) is when the user's minutes started. `alarm` is asked
    beside each preview, and what it returns is logged and in the progress; it must leave the state as it is. If it has a `prepare()`, that is
    called once before the loop: what it costs comes out of the minutes, but is not taken for the cost of the previews to come.

    An interruption (Ctrl-C, SIGTERM) ends it after the step in hand, with everything saved. Steps without a finite gradient change nothing; when
    they do not stop, the last good state is restored and the rate halved, a few times, before InputError. That comes at once where the data has
    changed or another process trains in the folder.
    """
    run = folder.run
    if run.data.fingerprint != dataset.spec.fingerprint:
        raise InputError(
            f"the data of {run.data.name} has changed since this run began: put it back, or start a new run"
        )
    with alone(folder.path):
        yield from _fit(folder, dataset, device, say, resume=resume, began=began, alarm=alarm)


def _fit(
    folder: RunFolder,
    dataset: Dataset,
    device: torch.device,
    say: Callable[[str], None],
    *,
    resume: bool,
    began: float | None,
    alarm: Alarm | None,
) -> Iterator[Progress]:
    run = folder.run
    pool, held_out = split_of(dataset, run).sides
    task = open_task(folder, dataset, device, say)
    state = task.start()
    if resume:
        _restore(folder, task, state)
        _prolong(state, run)
        say(f"resumed at {state.images_seen:,} of {state.total_images:,} images")
    else:
        folder.save(state, task.model(state))
    clock = Clock(run, state, began)
    try:
        with _interruptible(state):
            if state.images_seen < state.total_images and (prepare := getattr(alarm, "prepare", None)):
                prepare()
                clock.restart(state)
            while True:
                try:
                    yield from _train(folder, task, state, clock, pool, held_out, alarm)
                    return
                except Diverged as problem:
                    _roll_back(folder, task, state, problem, say)
                    _prolong(state, run)
                    clock.restart(state)
    finally:
        folder.close()


def _train(
    folder: RunFolder, task: Task, state: State, clock: Clock, pool, held_out, alarm: Alarm | None
) -> Iterator[Progress]:
    """The loop, with what is due at each report. Whatever ends it, a signal during a validation or a plan that finds no time left, the state
    it ends with is saved."""
    run, every = folder.run, folder.run.every
    before = state.images_seen
    for report in task.train(state, pool):
        seen = report.images_seen
        clock.trained(seen)
        state.total_images = clock.plan(seen)
        last = seen >= state.total_images
        validation, training, said, watched, saved = None, None, None, None, False
        if len(held_out) and _validates(task, state, last):
            state.validated = seen
            with clock.spends("validate"):
                validation = task.validate(state, held_out)
                training = task.validate(state, beside(pool, held_out, run.seed))
                watched = task.watch(state, validation)
        if not state.interrupted and (last or passed(before, seen, every.preview_images)):
            with clock.spends("preview"):
                folder.preview(state, task.picture(state))
                said = alarm(state) if alarm else None
        interrupted = state.interrupted
        if interrupted or last or passed(before, seen, every.save_images):
            with clock.spends("save"):
                state.elapsed = clock.elapsed
                saved = folder.save(state, task.model(state))
        before, state.elapsed = seen, clock.elapsed
        speed, left = clock.images_per_second, clock.eta(seen)
        progress = Progress(
            report, validation, training, said, watched, state.total_images, speed, left, saved, interrupted
        )
        folder.log(_record(progress, state))
        yield progress
        if interrupted:
            return


def _validates(task: Task, state: State, last: bool) -> bool:
    """Whether a validation is due. One that may change the state comes at the same reports of a training that was interrupted as of one that was
    not; another is left to the resumed training."""
    every, seen = task.run.every, state.images_seen
    regular = last or passed(seen - task.run.batch, seen, every.report_images)
    due = last or passed(state.validated, seen, every.validate_images)
    return due and (regular if task.watches else not state.interrupted)


def _prolong(state: State, run: Training) -> None:
    """The plan of a resumed run: its images, or for minutes that are left beyond a finished plan what they buy at the speed so far."""
    if run.minutes is None:
        state.total_images = max(run.images, state.images_seen)
    elif state.images_seen >= state.total_images and state.elapsed:
        left = max(run.minutes * 60 - state.elapsed, 0.0)
        state.total_images = state.images_seen + int(left * state.images_seen / state.elapsed)


def _restore(folder: RunFolder, task: Task, state: State) -> None:
    """The newest state, and its model, in case the last save was cut between the two."""
    folder.restore(state)
    folder.save_model(state, task.model(state))


def _roll_back(folder: RunFolder, task: Task, state: State, problem: Diverged, say: Callable[[str], None]) -> None:
    """The last good state, with half the rate and other noise; InputError when that has not helped before."""
    attempt, lr_factor = state.attempt + 1, state.lr_factor / 2
    _restore(folder, task, state)
    if attempt > ROLL_BACKS:
        raise InputError(
            f"{problem}, after {ROLL_BACKS} roll-backs: the training stopped at its last good state ({state.images_seen:,} images, model "
            "intact); try --set optimiser.lr with a smaller value or --set precision=fp32, and look at the data with `debruit data doctor`"
        )
    state.attempt, state.lr_factor = attempt, lr_factor
    say(
        f"{problem}; back to the last good state at {state.images_seen:,} images, now with {lr_factor:g} of the learning rate"
    )


def _record(progress: Progress, state: State) -> dict:
    """One line of the log."""
    report = asdict(progress.report)
    report |= report.pop("parts")
    record: dict[str, Any] = {key: _number(value) for key, value in report.items()}
    record |= {"images_per_second": round(progress.images_per_second, 2), "elapsed": round(state.elapsed, 2)}
    record |= {"total_images": state.total_images}
    for name, found in (("validation", progress.validation), ("train", progress.training)):
        if found:
            record[f"{name}_loss"] = _number(found.loss)
            record |= {f"{name}_{part}": _number(value) for part, value in found.parts.items()}
    for name in ("alarm", "watched"):
        if said := getattr(progress, name):
            record[name] = said
    return record


def _number(value: float | int) -> float | int | None:
    """JSON has no NaN."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


@contextmanager
def _interruptible(state: State):
    """The first SIGINT or SIGTERM asks the loop to stop after its step; a second one interrupts at once."""
    state.interrupted = False
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def ask(number, frame) -> None:
        if state.interrupted:
            raise KeyboardInterrupt
        state.interrupted = True

    old = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)
