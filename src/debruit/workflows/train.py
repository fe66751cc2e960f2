"""`debruit train`: a request in, a run folder out, events on the way. It prints nothing and knows no terminal."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from debruit import events
from debruit.data.dataset import Dataset
from debruit.data.source import Source
from debruit.data.sources.moved import moved
from debruit.data.split import Split, split_of
from debruit.device import choose_device
from debruit.errors import InputError
from debruit.models.autoencoder import FirstStage
from debruit.planning import throughput, two_stage
from debruit.planning.plan import plan
from debruit.planning.two_stage import TwoStagePlan
from debruit.training.config import Run, TrainingConfig
from debruit.training.moving import move
from debruit.training.run_folder import MODEL, RunFolder, check_writable
from debruit.workflows.public import public
from debruit.workflows.resolve import Resolved, resolve
from debruit.workflows.train_request import TrainRequest
from debruit.workflows.training_session import replanner, run_training


@dataclass(frozen=True, kw_only=True)
class TrainResult:
    """A finished or interrupted training. `folder` is the run folder and `model` its model file (None: a dry run); an
    `interrupted` one has its state saved, and resumes. Losses are those of the last report, `seconds` of the training;
    None where nothing was left to do. `in_first_stage`: it was interrupted in the first of two stages."""

    run: TrainingConfig
    folder: Path | None = None
    model: Path | None = None
    images_seen: int | None = None
    loss: float | None = None
    validation_loss: float | None = None
    interrupted: bool = False
    in_first_stage: bool = False


def train(request: TrainRequest) -> TrainResult:
    """Train what a request means, or resume. Cancelling saves and returns. InputError: before any work, for a request
    that cannot be served; later, for data that has changed or a training that diverges."""
    if request.resume is not None:
        return _resume(request, Path(request.resume))
    resolved = resolve(request)
    if request.dry_run:
        return _dry_run(resolved)
    run, dataset, split = resolved.plan.run, resolved.dataset, resolved.plan.split
    assert dataset is not None
    assert split is not None
    again = None
    if not resolved.fixed:
        again = replanner(resolved.plan, batch=request.batch, assignments=resolved.assignments)
    events.check_cancelled()
    session = Session(request.folder, dataset, resolved.plan.device, request.started)
    if resolved.both is not None:
        folder = two_stage.begin(request.folder, resolved.both)
        return session.both(folder, resolved.both, split, replan=again)
    if resolved.autoencoder is None:
        folder = RunFolder.create(request.folder, run)
    else:
        assert isinstance(run, Run)
        folder = two_stage.create(request.folder, run, resolved.autoencoder)
    return session.one(folder, split, replan=again)


def _dry_run(resolved: Resolved) -> TrainResult:
    """Report parameters and memory by part, and the GPUs that it fits on; of both stages, if there are two."""
    for line in resolved.plan.footprint:
        events.say(line, stage="plan")
    if resolved.both is not None and resolved.second is not None:
        events.say("stage 2 (estimate for the remaining budget)", stage="plan")
        later = plan(resolved.second, resolved.plan.device, resolved.plan.split, assignments=resolved.both.assignments)
        for line in [*later.summary, *later.footprint]:
            events.say(line, stage="plan")
    return TrainResult(run=resolved.plan.run)


@dataclass(frozen=True)
class Session:
    """Trainings in the folder `out`, whose minutes `started` (time.monotonic()) then; now, if None."""

    out: Path
    dataset: Dataset
    device: torch.device
    started: float | None = None

    def one(
        self,
        folder: RunFolder,
        split: Split,
        *,
        resume: bool = False,
        replan: Callable[[float], Any] | None = None,
        after: float = 0.0,
    ) -> TrainResult:
        """Train the run of one folder."""
        last = run_training(
            folder,
            self.dataset,
            self.device,
            split,
            resume=resume,
            started=self.started,
            replan=replan,
            after=after,
        )
        return TrainResult(
            run=folder.run,
            folder=self.out,
            model=folder.path / MODEL,
            images_seen=last.report.images_seen if last else None,
            loss=last.report.loss if last else None,
            validation_loss=last.validation.loss if last and last.validation else None,
            interrupted=last is not None and last.interrupted,
        )

    def both(
        self,
        folder: RunFolder,
        stages: TwoStagePlan,
        split: Split,
        *,
        resume: bool = False,
        replan: Callable[[float], Any] | None = None,
    ) -> TrainResult:
        """Train the first stage to its end, then the second, planned for what is left of the budget."""
        after = 60 * (stages.minutes - (stages.first.minutes or 0)) if stages.minutes else 0.0
        first = self.one(folder, split, resume=resume, replan=replan, after=after)
        if first.interrupted:
            return replace(first, in_first_stage=True)
        began = time.monotonic()
        stage = FirstStage.load(self.out / two_stage.FOLDER, "cpu")
        throughput.throughput.cache_clear()  # the machine may be busier, or less busy, than it was
        taken = two_stage.spent(self.out)
        run = two_stage.second(stages, self.device, stage.config.codec, taken=taken, data_split=split)
        events.say(
            f"the autoencoder is ready: {self.out / two_stage.FOLDER}; "
            "the diffusion model is trained on its latents next"
        )
        planned = plan(run, self.device, split, assignments=stages.assignments)
        for line in planned.summary:
            events.say(line, stage="plan")
        again = replanner(planned, batch=stages.batch, assignments=stages.assignments)
        assert isinstance(planned.run, Run)
        second = two_stage.create(self.out, planned.run, stage)
        return replace(self, started=began).one(second, split, replan=again)


def _resume(request: TrainRequest, path: Path) -> TrainResult:
    """Continue a run folder, in the stage where it stopped."""
    request.check("train")
    check_writable(path, flag="--resume")
    device, stages = choose_device(request.device), two_stage.pending(path)
    if stages is None:
        _, dataset = _data_of(path, RunFolder.open(path).run, request.data)
        folder = RunFolder.open(path, images=request.images, minutes=request.minutes)
        return Session(path, dataset, device, request.started).one(folder, split_of(dataset, folder.run), resume=True)
    if request.images is not None or request.minutes is not None:
        raise InputError(
            f"{path} is still in its first stage, whose share of the budget is set: resume it without a length"
        )
    source, dataset = _data_of(path, stages.first, request.data)
    stages = replace(stages, first=replace(stages.first, source=source))
    folder = two_stage.first_folder(path, stages)
    session = Session(path, dataset, device, request.started)
    return session.both(folder, stages, split_of(dataset, folder.run), resume=True)


def _data_of(path: Path, run: TrainingConfig, data: Any) -> tuple[Source, Dataset]:
    """Return the source and the data of a run, by its run.json, or at the path `data`, which its files name from then
    on.
    """
    if data is not None:
        source, dataset = moved(run.source, data, run.data.fingerprint)
        move(path, source)
        return source, dataset
    try:
        return run.source, run.source.build()
    except InputError as error:
        raise InputError(
            f"{error}. If the data of this run was moved: debruit train --resume {path} --data PATH"
        ) from None


start = public(TrainRequest, train)
