"""`debruit distill`: a model in, a run folder with its few-step student out."""

import shutil
from pathlib import Path

from debruit import events
from debruit.data.split import Split, split_of
from debruit.device import choose_device
from debruit.errors import InputError
from debruit.models.loaded import LoadedModel
from debruit.models.model_file import digest, model_file
from debruit.overrides import Assignments
from debruit.planning import distillation
from debruit.planning.plan import Plan, plan
from debruit.sampling.guidance.weights import describe, none
from debruit.sampling.sampler import name_of
from debruit.training.config import DistillationRun
from debruit.training.run_folder import TEACHER, RunFolder, check_free
from debruit.workflows.distill_data import conditions_for
from debruit.workflows.distill_request import DistillRequest
from debruit.workflows.public import public
from debruit.workflows.train import Session, TrainResult


def distill(request: DistillRequest) -> TrainResult:
    """Distil a model into a student of a few evaluations. Cancelling saves and returns. InputError: before any work,
    for a request that cannot be served; later, for a distillation that diverges."""
    request.check("distill")
    if request.out is not None:
        check_free(Path(request.out))
    device = choose_device(request.device)
    teacher = LoadedModel.open(str(request.model), str(device))
    check_teacher(teacher, request.evaluations)
    source, dataset, split_settings, record = conditions_for(request, teacher)
    path = model_file(teacher.name)
    run = distillation.recommend(
        teacher.model,
        (teacher.name, digest(path)),
        source,
        device,
        evaluations=request.evaluations,
        record=record,
        minutes=request.minutes,
        images=request.images,
        batch=request.batch,
        **split_settings,
    )
    split = split_of(dataset, run)
    planned = plan(run, device, split, assignments=Assignments.parse(request.set).of_one_stage)
    for line in lines(teacher, planned, split):
        events.say(line, stage="plan")
    if request.dry_run:
        for line in planned.footprint:
            events.say(line, stage="plan")
        return TrainResult(run=planned.run)
    events.check_cancelled()
    out = Path(str(request.out))
    folder = RunFolder.create(out, planned.run, write_first=lambda: _copy(path, out / TEACHER))
    return Session(out, dataset, device, request.started).one(folder, split)


def check_teacher(teacher: LoadedModel, evaluations: int) -> None:
    """Raise InputError for a teacher that is a student itself, or that needs no more evaluations than its student."""
    if "distilled" in teacher.provenance:
        known = teacher.provenance["distilled"]
        raise InputError(
            f"{teacher.name} is a student of {known['evaluations']} evaluations itself, and what it has lost cannot be "
            f"learned from it: distil its teacher, {known['teacher']}"
        )
    own = teacher.model.evaluations(teacher.model.settings(), teacher.model.conditioned())
    if evaluations >= own:
        raise InputError(
            f"--evaluations {evaluations}: {teacher.name} itself needs {own} for an image, guidance included; give "
            "fewer, for example --evaluations 4"
        )


def lines(teacher: LoadedModel, planned: Plan, split: Split) -> list[str]:
    """Return the lines about what is distilled, then those of the plan."""
    run = planned.run
    assert isinstance(run, DistillationRun)
    own, sampling = teacher.model.settings(), run.teacher.sampling
    guidance = "no guidance" if none(sampling.guidance) else f"guidance {describe(sampling.guidance)}"
    texts = [
        f"teacher   {teacher.name}: {name_of(sampling.sampler)}, {sampling.steps} steps, {guidance}, "
        f"{run.teacher.evaluations} evaluations",
        f"student   {run.evaluations} evaluations, one branch; each trajectory of the teacher is used {run.reuse} "
        "times",
    ]
    if own.sampler.stochastic:
        texts.insert(
            0,
            f"the teacher's sampler, {name_of(own.sampler)}, adds noise, so its images are no function of the noise "
            f"that they start from: {name_of(sampling.sampler)} with {sampling.steps} steps is distilled instead",
        )
    if run.model.predicts != teacher.model.config.predicts:
        texts.append(
            f"          it predicts {run.model.predicts}: {teacher.model.config.predicts} says nothing about the image "
            "at t = 1"
        )
    return [*texts, *split.lines, *planned.summary]


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


start = public(DistillRequest, distill)
