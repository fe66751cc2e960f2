"""From a request to the run that it means, on its data, with its split and what it will cost: `Request -> Resolved`.

    source | recipe | autoencoder | ldm  ->  data  ->  split  ->  conditioners  ->  run  ->  plan

Everything that can be wrong is refused here, before a folder is made. Lines about what was decided are events.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch

from debruit import events
from debruit.conditioning import from_data
from debruit.conditioning.base import Conditioner
from debruit.data.dataset import Dataset
from debruit.data.source import Source
from debruit.data.split import Split
from debruit.device import choose_device
from debruit.errors import InputError
from debruit.models.autoencoder import FirstStage
from debruit.overrides import override_all
from debruit.planning import conditions, recommend, two_stage
from debruit.planning.plan import Plan, plan
from debruit.planning.recommend import DEFAULT_MINUTES, Budget
from debruit.planning.split import planned_split
from debruit.recipes import recipe_name, recipes
from debruit.training.config import AnyRun, AutoencoderRun, Run
from debruit.training.run_folder import check_free
from debruit.workflows.train_recipe import adapted, first_stage_for, on_autoencoder, stated
from debruit.workflows.train_request import STAGES, TrainRequest
from debruit.workflows.train_source import open_source, recipe_source, unknown_recipe


@dataclass(frozen=True, kw_only=True)
class Resolved:
    """The training that a request means. `plan.run` trains on `dataset` (None: not on this machine, for a dry run), on
    the latents of `autoencoder` if there is one. If it is the first stage of two, `both` is the plan of both and
    `second` the estimated run of the second. `assignments` are the changes to make again when the machine turns out to
    be of another speed; a run that is `fixed` by a recipe is not planned again."""

    plan: Plan
    dataset: Dataset | None = None
    autoencoder: FirstStage | None = None
    both: two_stage.TwoStagePlan | None = None
    second: Run | None = None
    assignments: tuple[str, ...] = ()
    fixed: bool = False


def resolve(request: TrainRequest) -> Resolved:
    """Resolve a request for a new training. InputError: whatever is wrong with it, or with the data."""
    request.check("train")
    device = choose_device(request.device)
    names = from_data.parse_names(request.condition)
    assignments = request.assignments
    if request.out is not None:
        check_free(request.folder)
    if recipe_name(request.source) in recipes():
        return _recipe(request, device, names)
    if request.source not in STAGES and (request.on is not None or request.autoencoder is not None):
        first_stage_for(request.source, request.on, request.autoencoder)  # refuses an autoencoder
        raise unknown_recipe(str(request.source), request.on or "")
    what = request.on if request.source in STAGES else request.source
    assert what is not None
    source, dataset = open_source(what, assignments.source, size=request.size, condition=names)
    if request.autoencoder is not None:
        return _on_latents(request, device, names, source, dataset)
    if request.source == "autoencoder":
        planned = _autoencoder(request, device, source, dataset, assignments.of_one_stage)
        return Resolved(plan=planned, dataset=dataset, assignments=assignments.of_one_stage)
    if request.source == "ldm" or _better_on_latents(request, device, dataset):
        return _two_stages(request, device, names, source, dataset)
    given = request.assignments.of_one_stage
    split, conditioners = _conditions(request, names, source, dataset, given)
    budget = Budget(split=split, **request.settings)
    run = recommend.diffusion(source, dataset.spec, device, budget, conditioners=conditioners)
    planned = _planned(run, device, given, dataset, split)
    return Resolved(plan=planned, dataset=dataset, assignments=given)


def _recipe(request: TrainRequest, device: torch.device, names: Sequence[str] | None) -> Resolved:
    name, given = recipe_name(request.source), request.assignments.of_one_stage
    if names is not None:
        raise InputError(f"--condition: the recipe {name} says what it is conditioned on; leave the flag out")
    if request.dry_run and request.on is None:
        run = stated(name, request.assignments.source, size=request.size, **request.settings)
        if run is not None:
            return Resolved(plan=_planned(run, device, given), assignments=given, fixed=True)
    # what a recipe on latents costs is known without its autoencoder
    without = request.dry_run and request.autoencoder is None
    stage = None if without else first_stage_for(request.source, request.on, request.autoencoder)
    run = recipes()[name]()
    source = recipe_source(run, request.on, request.size, request.assignments.source)
    dataset = source.build()
    reads = [c.item for c in run.model.conditioners] if isinstance(run, Run) else []
    seed = run.seed if request.seed is None else request.seed
    split = planned_split(dataset, seed=seed, assignments=given, group=request.group, reads=reads)
    run = adapted(run, source, dataset, split, tokenizer=request.tokenizer, **request.settings)
    if stage is not None:
        run = on_autoencoder(run, stage)
    planned = _planned(run, device, given, dataset, split)
    return Resolved(plan=planned, dataset=dataset, autoencoder=stage, assignments=given, fixed=True)


def _on_latents(
    request: TrainRequest, device: torch.device, names: Sequence[str] | None, source: Source, dataset: Dataset
) -> Resolved:
    """The second stage alone, on a finished autoencoder."""
    assert request.autoencoder is not None
    stage, given = FirstStage.load(request.autoencoder, "cpu"), request.assignments.of_one_stage
    split, conditioners = _conditions(request, names, source, dataset, given)
    budget = Budget(split=split, **request.settings)
    run = two_stage.on_latents(stage, source, dataset.spec, device, budget, conditioners=conditioners)
    planned = _planned(run, device, given, dataset, split)
    return Resolved(plan=planned, dataset=dataset, autoencoder=stage, assignments=given)


def _two_stages(
    request: TrainRequest, device: torch.device, names: Sequence[str] | None, source: Source, dataset: Dataset
) -> Resolved:
    """An autoencoder, then diffusion of its latents, under one budget."""
    images, assignments = request.images, request.assignments
    minutes = DEFAULT_MINUTES if request.minutes is None and images is None else request.minutes
    first_minutes, first_images = two_stage.split(minutes, images)
    events.say("stage 1   an autoencoder", stage="plan")
    shorter, given = replace(request, minutes=first_minutes, images=first_images), assignments.of_first_stage
    planned = _autoencoder(shorter, device, source, dataset, given)
    first, split = planned.run, planned.split
    assert isinstance(first, AutoencoderRun)
    assert split is not None
    conditioners = conditions.conditioners(source, dataset, names, split=split, tokenizer=request.tokenizer)
    left = f"{minutes - (first_minutes or 0):g} minutes" if minutes else f"{(images or 0) - first.images:,} images"
    events.say(f"stage 2   latent diffusion in the remaining {left}; its settings are printed when it starts")
    both = two_stage.TwoStagePlan(
        first=first,
        minutes=minutes,
        images=images,
        batch=request.batch,
        conditioners=conditioners,
        assignments=assignments.run,
    )
    second = two_stage.second(both, device, data_split=split)
    second = override_all(second, assignments.run)  # a mistake in one shows now, not when the first stage is over
    for line in from_data.describe(second.model.conditioners, dataset):
        events.say(line, stage="plan")
    return Resolved(plan=planned, dataset=dataset, both=both, second=second, assignments=given)


def _autoencoder(
    request: TrainRequest, device: torch.device, source: Source, dataset: Dataset, assignments: Sequence[str]
) -> Plan:
    split = planned_split(dataset, seed=request.seed or 0, assignments=assignments, group=request.group)
    budget, kind = Budget(split=split, **request.settings), request.bottleneck or "kl"
    run = recommend.autoencoder(source, dataset.spec, device, budget, kind=kind, factor=request.factor)
    return _planned(run, device, assignments, dataset, split)


def _conditions(
    request: TrainRequest, names: Sequence[str] | None, source: Source, dataset: Dataset, assignments: Sequence[str]
) -> tuple[Split, tuple[Conditioner, ...]]:
    """The split, which the frame sequences of a first frame may decide, and the conditioners, which learn from its
    training images."""
    names = from_data.default_names(source, dataset) if names is None else names
    from_data.check(names, dataset)
    reads = conditions.items_of(names)
    split = planned_split(dataset, seed=request.seed or 0, assignments=assignments, group=request.group, reads=reads)
    return split, conditions.conditioners(source, dataset, names, split=split, tokenizer=request.tokenizer)


def _planned(
    run: AnyRun,
    device: torch.device,
    assignments: Sequence[str],
    dataset: Dataset | None = None,
    split: Split | None = None,
) -> Plan:
    """The plan of a run, whose lines are reported: what is read of the captions, how the data is split, the summary."""
    planned = plan(run, device, split, assignments=assignments)
    lines = list(planned.summary)
    if dataset is not None and split is not None:
        conditioners = planned.run.model.conditioners if isinstance(planned.run, Run) else ()
        lines = [*from_data.describe(conditioners, dataset), *split.lines, *lines]
    for line in lines:
        events.say(line, stage="plan")
    return planned


def _better_on_latents(request: TrainRequest, device: torch.device, dataset: Dataset) -> bool:
    """Whether a training of these minutes on this data is better done in two stages; reports it. A codec that was set
    is left alone."""
    minutes = request.minutes or (DEFAULT_MINUTES if request.images is None else None)
    if (
        request.pixels
        or minutes is None
        or any(a.startswith("model.codec") for a in request.assignments.run)
        or not two_stage.suits(dataset.spec, minutes, device)
    ):
        return False
    size = f"{dataset.spec.width}x{dataset.spec.height}"
    events.say(f"{size} images train better as latents in {minutes:g} minutes; use --pixels to train on pixels")
    return True
