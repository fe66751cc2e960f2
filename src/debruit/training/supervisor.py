"""From a Run to a run folder: the shell around the loop. It owns the clock, the files and the interruptions, and yields
what a screen shows."""

import math
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import torch

from debruit import events
from debruit.data.dataset import Dataset
from debruit.data.split import Split, split_of
from debruit.errors import InputError
from debruit.training.config import AutoencoderRun, Run, TrainingConfig
from debruit.training.loop import Diverged, Report, passed
from debruit.training.run_folder import FIRST_STAGE, RunFolder, alone
from debruit.training.state import State
from debruit.training.tasks.autoencoder import Autoencoding
from debruit.training.tasks.base import Task
from debruit.training.tasks.diffusion import Diffusion
from debruit.training.time_budget import Budget
from debruit.training.validation import Validation, beside

Alarm = Callable[[Any], str | None]
Replan = Callable[[float], TrainingConfig | None]
ROLL_BACKS = 3  # how often a training may return to its last good state before it stops


class Misjudged(Exception):
    """The training goes at another speed than its plan counted with: `factor` is the one as a multiple of the other."""

    def __init__(self, factor: float) -> None:
        super().__init__(factor)
        self.factor = factor


@dataclass(frozen=True)
class Progress:
    """Where a training is: the loop's report, the validation if one was made with the same on training images, what the
    alarm said if it was asked and spoke, what the task said after its validation (task.py), and the clock's view.
    `total_images` is an estimate where minutes end the training; `share` of the budget is spent."""

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
    share: float = 0.0
    by_time: bool = False


def fit(
    folder: RunFolder,
    dataset: Dataset,
    device: torch.device,
    *,
    split: Split | None = None,
    resume: bool = False,
    began: float | None = None,
    alarm: Alarm | None = None,
    replan: Replan | None = None,
) -> Iterator[Progress]:
    """Trains the folder's run to its end, saving as it goes. `split`: that of the run, where it is known. `began`
    (time.monotonic) is when the user's minutes started. `alarm` is asked beside each preview, and what it returns is
    logged and in the progress; it must leave the state as it is. If it has a `prepare()`, that is called once before
    the loop: what it costs comes out of the minutes, but is not taken for the cost of the alarms to come.

    A training of minutes whose first seconds show another speed than the plan's, by more than a factor of 1.5, asks
    `replan(factor)` for the run to do instead, and starts over with it where it is another one (None: it goes on as it
    is). That happens once.

    Cancelling (events.py) ends it after the current step, with everything saved. Steps without a finite gradient change
    nothing; when they do not stop, the last good state is restored and the rate halved, a few times, before InputError.
    That comes at once where the data has changed or another process trains in the folder.
    """
    run = folder.run
    if run.data.fingerprint != dataset.spec.fingerprint:
        raise InputError(
            f"the data of {run.data.name} has changed since this run began: put it back, or start a new run"
        )
    with alone(folder.path):
        yield from _Fit(folder, dataset, device, split=split, alarm=alarm, replan=replan).run(
            resume=resume, began=began
        )


class _Fit:
    """One session of a training in its folder."""

    def __init__(
        self,
        folder: RunFolder,
        dataset: Dataset,
        device: torch.device,
        *,
        split: Split | None = None,
        alarm: Alarm | None,
        replan: Replan | None,
    ) -> None:
        self.folder, self.dataset, self.device = folder, dataset, device
        self.alarm, self.replan = alarm, replan
        split = split or split_of(dataset, folder.run)
        self.pool, self.held_out = split.train, split.validation
        self.judging = folder.run.minutes is not None
        self.told_slow = False
        self.begin()

    def begin(self) -> None:
        """The folder's run, at its first step."""
        self.task = open_task(self.folder, self.dataset, self.device)
        self.state = self.task.start()

    def run(self, *, resume: bool, began: float | None) -> Iterator[Progress]:
        folder, run = self.folder, self.folder.run
        if resume:
            _restore(folder, self.task, self.state)
            self.judging = False
            if run.minutes is None:
                self.state.total_images = max(run.images, self.state.images_seen)
            seen = self.state.images_seen
            events.say(f"resumed at {seen:,} of {'about ' if run.minutes else ''}{self.state.total_images:,} images")
        self.clock = self.budget(began)
        if not resume:
            with self.clock.spends("save"):
                folder.save(self.state, self.task.model(self.state))
        try:
            with events.graceful():
                if not self.clock.over(self.state) and (prepare := getattr(self.alarm, "prepare", None)):
                    prepare()
                self.clock.restart(self.state)
                while True:
                    try:
                        yield from self.train()
                        return
                    except Diverged as problem:
                        _roll_back(folder, self.task, self.state, problem)
                        self.clock.restart(self.state)
                    except Misjudged as found:
                        self.start_over(found.factor)
        finally:
            folder.close()

    def budget(self, began: float | None) -> Budget:
        """The clock of this session, with what work beside the training is expected to cost."""
        expected = dict(self.task.beside(len(self.held_out)))
        return Budget(self.folder.run, self.state, began, expected)

    def train(self) -> Iterator[Progress]:
        """The loop, with what is due at each report. Whatever ends it, a signal during a validation or minutes that are
        over, the state it ends with is saved."""
        folder, task, state, clock, every = self.folder, self.task, self.state, self.clock, self.folder.run.every
        start = clock.position(state)  # of the last validation, preview and save
        self.done = dict.fromkeys(("validate", "preview", "save"), start)
        for report in task.train(state, self.pool, clock):
            state.total_images = clock.total(state) if folder.run.minutes else state.total_images
            validation, training, said, watched, saved = None, None, None, None, False
            if len(self.held_out) and self.validates(report):
                state.validated = state.images_seen
                with clock.spends("validate"):
                    validation = task.validate(state, self.held_out)
                    training = task.validate(state, beside(self.pool, self.held_out, folder.run.seed))
                    watched = task.watch(state, validation)
            if not state.interrupted and self.due("preview", every.preview_images, report):
                with clock.spends("preview"):
                    folder.preview(state, task.picture(state))
                if self.alarm and clock.affords("alarm", last=report.last):
                    with clock.spends("alarm"):
                        said = self.alarm(state)
            interrupted = state.interrupted
            if interrupted or report.last or self.due("save", every.save_images, report):
                with clock.spends("save"):
                    state.elapsed, state.finished = clock.elapsed, report.last
                    saved = folder.save(state, task.model(state, final=report.last))
            state.elapsed = clock.elapsed
            progress = Progress(
                report,
                validation,
                training,
                said,
                watched,
                state.total_images,
                clock.speed(state),
                clock.eta(state),
                saved,
                interrupted,
                share=clock.share(state),
                by_time=folder.run.minutes is not None,
            )
            folder.log(_record(progress, state))
            yield progress
            if interrupted:
                return
            if not report.last:
                self.judge()

    def due(self, kind: str, interval: int, report: Report) -> bool:
        """Whether work of this kind is to be done at this report: one of its intervals has passed, or the training
        ends; with minutes, if it is within what may be spent beside the training, else it is put off."""
        position = self.clock.position(self.state)
        if not (report.last or passed(self.done[kind], position, interval)):
            return False
        if not self.clock.affords(kind, last=report.last):
            return False
        self.done[kind] = position
        return True

    def validates(self, report: Report) -> bool:
        """Whether a validation is due. One that may change the state comes, in a training by images, at the same
        reports of a training that was interrupted as of one that was not; another is left to the resumed training."""
        task, every, state = self.task, self.folder.run.every, self.state
        if self.folder.run.minutes is not None:
            return not state.interrupted and self.due("validate", every.validate_images, report)
        seen = state.images_seen
        regular = report.last or passed(seen - task.run.batch, seen, every.report_images)
        due = report.last or passed(state.validated, seen, every.validate_images)
        return due and (regular if task.watches else not state.interrupted)

    def judge(self) -> None:
        """Compares the speed with the plan's: once early, when the network can still be chosen again, and once later.
        Raises Misjudged."""
        state, clock = self.state, self.clock
        if not self.task.as_planned(state):
            return
        if self.judging and clock.judged(state):
            self.judging = False
            if factor := clock.misjudged(state):
                raise Misjudged(factor)
        if not self.told_slow and not self.judging and clock.slow(state):
            self.told_slow = True
            events.say(
                f"this machine trains at {clock.speed(state):.0f} images/s where {clock.planned_speed:.0f} were "
                f"planned: about {clock.total(state):,} images "
                f"will be seen instead of {self.folder.run.images:,} (other work on the machine?)"
            )

    def start_over(self, factor: float) -> None:
        """Another run in the same folder, planned for a machine `factor` times as fast as was thought; the same run
        goes on if that changes nothing."""
        speed = (
            f"this machine trains at {self.clock.speed(self.state):.0f} images/s, {factor:.2g} times the planned speed"
        )
        if self.replan is None:
            events.say(f"{speed}; the settings stay as they are")
        else:
            events.say(f"{speed}: the settings are chosen again")
        new = self.replan(factor) if self.replan else None
        if new is None:
            if self.replan:
                events.say("they stay the same: the training goes on")
            self.clock.restart(self.state)
            self.told_slow = True
            return
        events.say("another network fits the minutes better now: the training starts over with it")
        self.folder.start_over(new)
        stop_requested = self.state.stop_requested
        self.begin()
        self.state.stop_requested = stop_requested
        self.clock.follow(new)
        self.state.elapsed = self.clock.elapsed
        self.folder.save(self.state, self.task.model(self.state))
        self.clock.restart(self.state)


def _restore(folder: RunFolder, task: Task, state: State) -> None:
    """The newest state, and its model where the last save was cut between the two."""
    folder.restore(state)
    if not folder.holds_model_of(state):
        folder.save_model(state, task.model(state, final=state.finished))


def _roll_back(folder: RunFolder, task: Task, state: State, problem: Diverged) -> None:
    """The last good state, with half the rate and other noise; InputError when that has not helped before."""
    attempt, lr_factor = state.attempt + 1, state.lr_factor / 2
    _restore(folder, task, state)
    if attempt > ROLL_BACKS:
        raise InputError(
            f"{problem}, after {ROLL_BACKS} roll-backs: the training stopped at its last good state "
            f"({state.images_seen:,} images, model "
            "intact); try --set optimiser.lr with a smaller value or --set precision=fp32, and look at the data with "
            "`debruit data doctor`"
        )
    state.attempt, state.lr_factor = attempt, lr_factor
    events.say(
        f"{problem}; back to the last good state at {state.images_seen:,} images, now with {lr_factor:g} of the "
        "learning rate"
    )


def _record(progress: Progress, state: State) -> dict:
    """One line of the log."""
    report = asdict(progress.report)
    report |= report.pop("parts")
    del report["last"]
    record: dict[str, Any] = {key: _number(value) for key, value in report.items()}
    record |= {"images_per_second": round(progress.images_per_second, 2), "elapsed": round(state.elapsed, 2)}
    record |= {"total_images": state.total_images, "share": round(progress.share, 5)}
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


def open_task(folder: RunFolder, dataset: Dataset, device: torch.device) -> Task:
    """Return the task of a folder's run, ready to start.

    Raise InputError for an autoencoder that is missing or is not the run's own.
    """
    run = folder.run
    if isinstance(run, AutoencoderRun):
        return Autoencoding(run, dataset, device)
    assert isinstance(run, Run)
    return Diffusion.open(run, dataset, device, folder.path / FIRST_STAGE)
