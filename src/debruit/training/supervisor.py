"""Supervise a training in its run folder: when to validate, preview, save, roll back or plan again.

The loop (loop.py) makes the steps. The supervisor owns the clock and the files, emits each report as an event
(reporting.py) and yields it.
"""

from collections.abc import Callable, Iterator
from typing import Any

import torch

from debruit import events
from debruit.data.dataset import Dataset
from debruit.data.split import Split, split_of
from debruit.errors import InputError
from debruit.training.config import AutoencoderRun, DistillationRun, Run, TrainingConfig
from debruit.training.loop import Diverged, Report, passed
from debruit.training.reporting import TrainingReport, emit, log_record
from debruit.training.run_folder import FIRST_STAGE, TEACHER, RunFolder, alone
from debruit.training.state import State
from debruit.training.tasks.autoencoder import Autoencoding
from debruit.training.tasks.base import Task
from debruit.training.tasks.diffusion import Diffusion
from debruit.training.tasks.distillation import Distillation
from debruit.training.time_budget import Budget
from debruit.training.validation import Validation, training_sample

Alarm = Callable[[Any], str | None]
Replan = Callable[[float], TrainingConfig | None]
ROLL_BACKS = 3  # how often a training may return to its last good state before it stops


class WrongSpeed(Exception):
    """The training runs at `factor` times the speed that its plan assumed."""

    def __init__(self, factor: float) -> None:
        super().__init__(factor)
        self.factor = factor


def fit(
    folder: RunFolder,
    dataset: Dataset,
    device: torch.device,
    *,
    split: Split | None = None,
    resume: bool = False,
    began: float | None = None,
    after: float = 0.0,
    alarm: Alarm | None = None,
    replan: Replan | None = None,
) -> Iterator[TrainingReport]:
    """Train the run of a folder to its end and save on the way; yield each report, which is also emitted as an event.

    `split` is that of the run; it is made here if None. `began` (time.monotonic()) is when the user's minutes started,
    now by default, and `after` the seconds that remain for other work after this training. `alarm(state)` is called
    with each preview; the sentence that it returns, if any, is logged and reported. It must not change the state. If it
    has a `prepare()`, that is called once before the first step, at the cost of the minutes.

    If the first seconds of a training of minutes show a speed that differs from the plan's by more than a factor of
    1.5, `replan(factor)` is called once. If it returns another run, the training starts over with that one; for None it
    continues.

    Cancelling (events.py) ends the training after the current step, with everything saved. Steps without a finite
    gradient change nothing; if they persist, the last good state is restored and the learning rate halved.

    Raise InputError if the data has changed, another process trains in the folder, or ROLL_BACKS roll-backs did not
    help.
    """
    run = folder.run
    if run.data.fingerprint != dataset.spec.fingerprint:
        raise InputError(
            f"the data of {run.data.name} has changed since this run began: put it back, or start a new run"
        )
    with alone(folder.path):
        split = split or split_of(dataset, run)
        supervisor = Supervisor(folder, dataset, device, split, after=after, alarm=alarm, replan=replan)
        yield from supervisor.run(resume=resume, began=began)


class Supervisor:
    """One session of a training in its folder; see `fit`."""

    def __init__(
        self,
        folder: RunFolder,
        dataset: Dataset,
        device: torch.device,
        split: Split,
        *,
        after: float = 0.0,
        alarm: Alarm | None,
        replan: Replan | None,
    ) -> None:
        self.folder, self.dataset, self.device, self.split = folder, dataset, device, split
        self.after, self.alarm, self.replan = after, alarm, replan
        self.pool, self.held_out = split.train, split.validation
        self.by_time = folder.run.minutes is not None
        self.may_replan = self.by_time
        self.reported_slow = False
        self.begin()

    def begin(self) -> None:
        """Open the task of the folder's run, at its first step."""
        self.task = open_task(self.folder, self.dataset, self.device, self.split)
        self.state = self.task.start()

    def run(self, *, resume: bool, began: float | None) -> Iterator[TrainingReport]:
        """Yield the reports of the whole session."""
        if resume:
            self.resume()
        self.clock = Budget(self.folder.run, self.state, began, dict(self.task.overheads(len(self.held_out))))
        if not resume:
            with self.clock.spends("save"):
                self.folder.save(self.state, self.task.model(self.state))
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
                        _roll_back(self.folder, self.task, self.state, problem)
                        self.clock.restart(self.state)
                    except WrongSpeed as problem:
                        self.plan_again(problem.factor)
        finally:
            self.folder.close()

    def resume(self) -> None:
        """Load the newest state of the folder."""
        _restore(self.folder, self.task, self.state)
        self.may_replan = False
        if not self.by_time:
            self.state.total_images = max(self.folder.run.images, self.state.images_seen)
        seen, total = self.state.images_seen, self.state.total_images
        events.say(f"resumed at {seen:,} of {'about ' if self.by_time else ''}{total:,} images")

    def train(self) -> Iterator[TrainingReport]:
        """Run the loop and do what is due at each report. However the loop ends, its last state is saved."""
        state, clock = self.state, self.clock
        start = clock.position(state)
        self.done = dict.fromkeys(("validate", "preview", "save"), start)  # positions of the last ones
        for report in self.task.train(state, self.pool, clock):
            if self.by_time:
                state.total_images = clock.total(state)
            validation, training, guard = self.validate(report)
            alarm = self.preview(report)
            interrupted = state.interrupted
            saved = self.save(report, interrupted=interrupted)
            state.elapsed = clock.elapsed
            full_report = TrainingReport(
                report=report,
                validation=validation,
                training=training,
                alarm=alarm,
                guard=guard,
                total_images=state.total_images,
                images_per_second=clock.speed(state),
                eta_seconds=clock.eta(state),
                saved=saved,
                interrupted=interrupted,
                share=clock.share(state),
                by_time=self.by_time,
            )
            self.folder.log(log_record(full_report, state))
            emit(full_report, stage=self.stage, after=self.after)
            yield full_report
            if interrupted:
                return
            if not report.last:
                self.check_speed()

    @property
    def stage(self) -> str:
        """The stage of the events."""
        return "autoencoder" if isinstance(self.folder.run, AutoencoderRun) else "train"

    def validate(self, report: Report) -> tuple[Validation | None, Validation | None, str | None]:
        """If a validation is due, return the losses on held-out and training images and the sentence of the guard."""
        if not len(self.held_out) or not self.validation_due(report):
            return None, None, None
        task, state = self.task, self.state
        state.validated = state.images_seen
        with self.clock.spends("validate"):
            validation = task.validate(state, self.held_out)
            training = task.validate(state, training_sample(self.pool, self.held_out, self.folder.run.seed))
            return validation, training, task.guard(state, validation)

    def preview(self, report: Report) -> str | None:
        """Write a preview if one is due; return the sentence of the alarm, which is called with it."""
        state, clock = self.state, self.clock
        if state.interrupted or not self.due("preview", self.folder.run.every.preview_images, report):
            return None
        with clock.spends("preview"):
            self.folder.preview(state, self.task.preview(state))
        if self.alarm is None or not clock.affords("alarm", last=report.last):
            return None
        with clock.spends("alarm"):
            return self.alarm(state)

    def save(self, report: Report, *, interrupted: bool) -> bool:
        """Save if that is due, or the training ends here; return whether the state was written."""
        if not (interrupted or report.last or self.due("save", self.folder.run.every.save_images, report)):
            return False
        state = self.state
        with self.clock.spends("save"):
            state.elapsed, state.finished = self.clock.elapsed, report.last
            return self.folder.save(state, self.task.model(state, final=report.last))

    def due(self, kind: str, interval: int, report: Report) -> bool:
        """Whether work of this kind is due at this report: one of its intervals has passed, or the training ends.

        With minutes it is postponed if it would exceed its allowance (time_budget.py).
        """
        position = self.clock.position(self.state)
        if not (report.last or passed(self.done[kind], position, interval)):
            return False
        if not self.clock.affords(kind, last=report.last):
            return False
        self.done[kind] = position
        return True

    def validation_due(self, report: Report) -> bool:
        """Whether a validation is due.

        In a training by images, a validation that may change the state happens at the same reports whether or not the
        training is interrupted; any other one is left to the resumed training.
        """
        task, every, state = self.task, self.folder.run.every, self.state
        if self.by_time:
            return not state.interrupted and self.due("validate", every.validate_images, report)
        seen = state.images_seen
        regular = report.last or passed(seen - task.run.batch, seen, every.report_images)
        due = report.last or passed(state.validated, seen, every.validate_images)
        return due and (regular if task.guards else not state.interrupted)

    def check_speed(self) -> None:
        """Compare the speed with the plan's: once early, while another network can be chosen, and once later.

        Raise WrongSpeed at the early comparison.
        """
        state, clock = self.state, self.clock
        if not self.task.as_planned(state):
            return
        if self.may_replan and clock.speed_is_known(state):
            self.may_replan = False
            if factor := clock.speed_mismatch(state):
                raise WrongSpeed(factor)
        if not self.reported_slow and not self.may_replan and clock.slow(state):
            self.reported_slow = True
            events.say(
                f"this machine trains at {clock.speed(state):.0f} images/s where {clock.planned_speed:.0f} were "
                f"planned: about {clock.total(state):,} images will be seen instead of {self.folder.run.images:,} "
                "(other work on the machine?)"
            )

    def plan_again(self, factor: float) -> None:
        """Start over with a run planned for `factor` times the assumed speed; continue if that changes nothing."""
        measured = f"this machine trains at {self.clock.speed(self.state):.0f} images/s"
        if self.replan is None:
            events.say(f"{measured}, {factor:.2g} times the planned speed; the settings stay as they are")
        else:
            events.say(f"{measured}, {factor:.2g} times the planned speed: the settings are chosen again")
        new = self.replan(factor) if self.replan else None
        if new is None:
            if self.replan:
                events.say("the settings stay the same: the training continues")
            self.clock.restart(self.state)
            self.reported_slow = True
            return
        events.say("another network fits the minutes better now: the training starts over with it")
        self.folder.start_over(new)
        stop_requested = self.state.stop_requested
        self.begin()
        self.state.stop_requested = stop_requested
        self.clock.adopt(new)
        self.state.elapsed = self.clock.elapsed
        self.folder.save(self.state, self.task.model(self.state))
        self.clock.restart(self.state)


def _restore(folder: RunFolder, task: Task, state: State) -> None:
    """Load the newest state, and write its model again if the last save was cut off between the two."""
    folder.restore(state)
    if not folder.holds_model_of(state):
        folder.save_model(state, task.model(state, final=state.finished))


def _roll_back(folder: RunFolder, task: Task, state: State, problem: Diverged) -> None:
    """Restore the last good state, with half the learning rate and other noise.

    Raise InputError after ROLL_BACKS of them.
    """
    attempt, lr_factor = state.attempt + 1, state.lr_factor / 2
    _restore(folder, task, state)
    if attempt > ROLL_BACKS:
        raise InputError(
            f"{problem}, after {ROLL_BACKS} roll-backs: the training stopped at its last good state "
            f"({state.images_seen:,} images, model intact); try --set optimiser.lr with a smaller value or "
            "--set precision=fp32, and look at the data with `debruit data doctor`"
        )
    state.attempt, state.lr_factor = attempt, lr_factor
    events.say(
        f"{problem}; back to the last good state at {state.images_seen:,} images, now with {lr_factor:g} of the "
        "learning rate"
    )


def open_task(folder: RunFolder, dataset: Dataset, device: torch.device, split: Split) -> Task:
    """Return the task of a folder's run, ready to start.

    Raise InputError if the autoencoder of a latent model, or the teacher of a student, is missing or is another one
    than the run's.
    """
    run = folder.run
    if isinstance(run, DistillationRun):
        return Distillation.open(run, dataset, device, split, folder.path / TEACHER)
    if isinstance(run, AutoencoderRun):
        return Autoencoding(run, dataset, device, split)
    assert isinstance(run, Run)
    return Diffusion.open(run, dataset, device, split, folder.path / FIRST_STAGE)
