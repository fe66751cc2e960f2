"""`debruit train autoencoder SOURCE` and `debruit train ldm SOURCE`: the stages of latent diffusion in a terminal."""

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from debruit.errors import InputError
from debruit.workflows.request import Request
from debruit.workflows.session import finish, folder_for, follow, priced, replanner, say, settled

OF_BOTH = (
    "validation_images",
    "seed",
    "flip",
    "precision",
    "group",
    "own_parts",
)  # settings that are of both stages


def better_on_latents(spec, asked: Request, device) -> bool:
    """Whether a training by the minutes on this data is better done in two stages; says so. A codec that was set is left alone."""
    from debruit.planning import two_stage
    from debruit.planning.heuristics import DEFAULT_MINUTES

    minutes = asked.minutes or (DEFAULT_MINUTES if asked.images is None else None)
    if (
        minutes is None
        or any(a.startswith("model.codec") for a in asked.assignments)
        or not two_stage.suits(spec, minutes, device)
    ):
        return False
    say(
        f"images of {spec.height} x {spec.width} pixels are better learnt as latents in {minutes:g} minutes (--pixels: on pixels)"
    )
    return True


def start_stages(asked: Request, device, data=None) -> int:
    """`debruit train autoencoder SOURCE` and `debruit train ldm SOURCE`; `data` is the source and its data, if they are there already."""
    from debruit.recipes import find_data

    if asked.on is None:
        raise InputError(
            f"name what to train on: debruit train {asked.what} SOURCE (a folder of images, or a name from `debruit list data`)"
        )
    if asked.what == "autoencoder":
        asked.refuse(
            "condition", "words", because="an autoencoder has no condition; give it to the diffusion of its latents"
        )
    source, dataset = data or find_data(asked.on, say, asked.assignments, size=asked.size, condition=asked.condition)
    if asked.autoencoder is not None:
        return start_second(asked, asked.autoencoder, source, dataset, device)
    if asked.what == "autoencoder":
        run = settled_autoencoder(asked, source, dataset, device, list(asked.assignments))
        if asked.dry_run:
            return priced(run, device)
        replan = replanner(run, device, dataset, batch=asked.batch, assignments=list(asked.assignments))
        folder = folder_for(asked.folder, run)
        return follow(folder, dataset, device, resume=False, began=asked.started, replan=replan)
    plan = planned(asked, source, dataset, device)
    from debruit.data.split import split_of
    from debruit.planning import two_stage

    if asked.dry_run:
        priced(plan.first, device)
        say("stage 2   as it would be with what the plan leaves for it")
        run = two_stage.second(plan, device, data_split=split_of(dataset, plan.first))
        return priced(settled(run, list(plan.assignments), device, dataset, again=True), device)
    mine, _ = divided(asked.assignments)
    replan = replanner(plan.first, device, dataset, batch=asked.batch, assignments=mine)
    folder = two_stage.begin(asked.folder, plan)
    return follow_stages(asked.folder, folder, dataset, device, plan, resume=False, began=asked.started, replan=replan)


def start_second(asked: Request, autoencoder: Path, source, dataset, device) -> int:
    """`debruit train ldm SOURCE --autoencoder A`: the second stage by itself."""
    from debruit.models.autoencoder import FirstStage
    from debruit.planning import conditions, two_stage
    from debruit.planning.division import with_division

    if asked.what == "autoencoder" or asked.factor is not None or asked.bottleneck is not None:
        raise InputError(
            "--autoencoder names a finished one, so `train autoencoder`, --factor and --bottleneck cannot be given with it"
        )
    stage = FirstStage.load(autoencoder, "cpu")
    found = conditions.conditioners(
        source,
        dataset,
        asked.condition,
        seed=asked.seed or 0,
        assignments=asked.assignments,
        words=asked.words,
        group=asked.group,
    )
    parted = conditions.planned_split(
        dataset,
        seed=asked.seed or 0,
        assignments=asked.assignments,
        group=asked.group,
        reads=[c.reads for c in found],
    )
    run = two_stage.on_latents(
        stage, source, dataset.spec, device, conditioners=found, data_split=parted, **asked.settings
    )
    run = with_division(run, dataset, asked.group)
    run = settled(run, list(asked.assignments), device, dataset)
    if asked.dry_run:
        return priced(run, device)
    replan = replanner(run, device, dataset, batch=asked.batch, assignments=list(asked.assignments))
    folder = two_stage.create(asked.folder, run, stage)
    return follow(folder, dataset, device, resume=False, began=asked.started, replan=replan)


def divided(assignments: Sequence[str]) -> tuple[list[str], tuple[str, ...]]:
    """The changes of the first stage ("autoencoder.KEY=VALUE", and those that are of both) and those of the second."""
    mine = [a for a in assignments if a.partition("=")[0] in OF_BOTH]
    mine += [a.removeprefix("autoencoder.") for a in assignments if a.startswith("autoencoder.")]
    return mine, tuple(a for a in assignments if not a.startswith(("autoencoder.", "source.")))


def planned(asked: Request, source, dataset, device):
    """The plan of both stages: "autoencoder.KEY=VALUE" among the assignments is for the first."""
    from debruit.overrides import override
    from debruit.planning import conditions, heuristics, two_stage
    from debruit.planning.heuristics import DEFAULT_MINUTES

    images, spec = asked.images, dataset.spec
    minutes = DEFAULT_MINUTES if asked.minutes is None and images is None else asked.minutes
    first_minutes, first_images = two_stage.split(minutes, images)
    mine, rest = divided(asked.assignments)
    say("stage 1   an autoencoder")
    shorter = replace(asked, minutes=first_minutes, images=first_images)
    first = settled_autoencoder(shorter, source, dataset, device, mine)
    found = conditions.conditioners(
        source,
        dataset,
        asked.condition,
        seed=first.seed,
        assignments=rest,
        words=asked.words,
        group=first.group or "none",
    )
    left = f"{minutes - (first_minutes or 0):g} minutes" if minutes else f"{(images or 0) - first.images:,} images"
    say(f"stage 2   diffusion of its latents, in the {left} after it; its settings are printed when it begins")
    plan = two_stage.TwoStagePlan(
        first=first, minutes=minutes, images=images, batch=asked.batch, conditioners=found, assignments=rest
    )
    like = heuristics.recommend(source, spec, device, images=1, codec=first.model.codec, conditioners=found)
    for assignment in rest:  # a mistake in one shows now, not when the first stage is over
        like = override(like, assignment)
    for line in conditions.reading(like.model.conditioners, dataset):
        say(line)
    return plan


def settled_autoencoder(asked: Request, source, dataset, device, assignments: list[str]):
    """The run of an autoencoder with the user's changes, its length and its intervals; printed."""
    from debruit.planning import autoencoder as planning
    from debruit.planning.conditions import planned_split
    from debruit.planning.division import with_division

    options = {
        name: value for name, value in (("kind", asked.bottleneck), ("factor", asked.factor)) if value is not None
    }
    parted = planned_split(dataset, seed=asked.seed or 0, assignments=assignments, group=asked.group)
    run = planning.recommend(source, dataset.spec, device, split=parted, **asked.settings, **options)
    return settled(with_division(run, dataset, asked.group), assignments, device, dataset)


def follow_stages(
    out: Path, folder, dataset, device, plan, *, resume: bool, began: float | None = None, replan=None
) -> int:
    """The first stage to its end, then the second."""
    from debruit.data.split import split_of
    from debruit.models.autoencoder import FirstStage
    from debruit.planning import throughput, two_stage

    after = 60 * (plan.minutes - (plan.first.minutes or 0)) if plan.minutes else 0.0
    finished = finish(folder, dataset, device, resume=resume, began=began, replan=replan, after=after)
    began = time.monotonic()
    if not finished:
        say(f"stopped in the first stage, everything is saved: continue with  debruit train --resume {out}")
        return 130
    stage = FirstStage.load(out / two_stage.FOLDER, "cpu")
    throughput.throughput.cache_clear()  # the machine may be busier, or less busy, than it was
    parted = split_of(dataset, plan.first)  # what the first stage held out it did not see
    run = two_stage.second(plan, device, stage.config.codec, taken=two_stage.spent(out), data_split=parted)
    say(f"the autoencoder is ready: {out / two_stage.FOLDER}; now the diffusion of its latents")
    assignments = list(plan.assignments)
    run = settled(run, assignments, device, dataset, again=True)
    replan = replanner(run, device, dataset, batch=plan.batch, assignments=assignments)
    return follow(two_stage.create(out, run, stage), dataset, device, resume=False, began=began, replan=replan)
