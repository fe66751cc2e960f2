"""`debruit train autoencoder SOURCE` and `debruit train ldm SOURCE`: the stages of latent diffusion in a terminal."""

import time
from pathlib import Path

from debruit.apps.session import finish, folder_for, follow, priced, say, settled
from debruit.errors import InputError

OF_BOTH = (
    "validation_images",
    "seed",
    "flip",
    "precision",
)  # settings that both stages must share, or see other images


def better_on_latents(spec, assignments: list[str], asked: dict, device) -> bool:
    """Whether a training by the minutes on this data is better done in two stages; says so. A codec that was set is left alone."""
    from debruit.training import stages
    from debruit.training.planning import DEFAULT_MINUTES

    minutes = asked["minutes"] or (DEFAULT_MINUTES if asked["images"] is None else None)
    if (
        minutes is None
        or any(a.startswith("model.codec") for a in assignments)
        or not stages.suits(spec, minutes, device)
    ):
        return False
    say(
        f"images of {spec.height} x {spec.width} pixels are better learnt as latents in {minutes:g} minutes (--pixels: on pixels)"
    )
    return True


def start_stages(
    what, on, out, device, assignments: list[str], dry_run: bool, asked: dict, latent: dict, data=None
) -> int:
    """`debruit train autoencoder SOURCE` and `debruit train ldm SOURCE`; `data` is the source and its data, if they are there already."""
    from debruit.first_stage import FirstStage
    from debruit.recipes import find_data
    from debruit.training import stages

    if on is None:
        raise InputError(
            f"name what to train on: debruit train {what} SOURCE (a folder of images, or a name from `debruit list data`)"
        )
    size = asked.pop("size")
    given = {name: value for name, value in asked.items() if value is not None}
    path = latent.pop("autoencoder")
    source, dataset = data or find_data(on, say, assignments, size=size)
    if path is not None:
        if what == "autoencoder" or any(value is not None for value in latent.values()):
            raise InputError(
                "--autoencoder names a finished one, so `train autoencoder`, --factor and --bottleneck cannot be given with it"
            )
        stage = FirstStage.load(path, "cpu")
        run = settled(stages.on_latents(stage, source, dataset.spec, device, **given), assignments, device)
        return (
            priced(run, device)
            if dry_run
            else follow(stages.create(out, run, stage, say), dataset, device, resume=False)
        )
    if what == "autoencoder":
        run = settled_autoencoder(source, dataset.spec, device, assignments, given, latent)
        return priced(run, device) if dry_run else follow(folder_for(out, run), dataset, device, resume=False)
    plan = planned(source, dataset.spec, device, assignments, given, latent)
    if dry_run:
        priced(plan.first, device)
        say("stage 2   as it would be with what the plan leaves for it")
        return priced(settled(second_stage(plan, device), list(plan.assignments), device), device)
    return follow_stages(out, stages.begin(out, plan, say), dataset, device, plan, resume=False)


def planned(source, spec, device, assignments: list[str], given: dict, latent: dict):
    """The plan of both stages: "autoencoder.KEY=VALUE" among the assignments is for the first."""
    from debruit.config import override
    from debruit.training import planning, stages
    from debruit.training.planning import DEFAULT_MINUTES

    minutes, images = given.pop("minutes", None), given.pop("images", None)
    minutes = DEFAULT_MINUTES if minutes is None and images is None else minutes
    first_minutes, first_images = stages.split(minutes, images)
    mine = [a for a in assignments if a.partition("=")[0] in OF_BOTH]
    mine += [a.removeprefix("autoencoder.") for a in assignments if a.startswith("autoencoder.")]
    rest = tuple(a for a in assignments if not a.startswith(("autoencoder.", "source.")))
    say("stage 1   an autoencoder")
    first = settled_autoencoder(
        source, spec, device, mine, given | {"minutes": first_minutes, "images": first_images}, latent
    )
    left = f"{minutes - (first_minutes or 0):g} minutes" if minutes else f"{(images or 0) - first.images:,} images"
    say(f"stage 2   diffusion of its latents, in the {left} after it; its settings are printed when it begins")
    for assignment in rest:  # a mistake in one shows now, not when the first stage is over
        override(planning.recommend(source, spec, device, images=1, codec=first.model.codec), assignment)
    return stages.Stages(first=first, minutes=minutes, images=images, batch=given.get("batch"), assignments=rest)


def second_stage(plan, device):
    """The run of the second stage of a plan whose first is not trained yet, as far as it can be known."""
    from debruit.training import planning

    first = plan.first
    minutes = plan.minutes - first.minutes if plan.minutes else None
    images = max(plan.images - first.images, 1) if plan.images else None
    return planning.recommend(
        first.source, first.data, device, minutes=minutes, images=images, batch=plan.batch, seed=first.seed, flip=first.flip,
        codec=first.model.codec,
    )  # fmt: skip


def settled_autoencoder(source, spec, device, assignments: list[str], given: dict, latent: dict):
    """The run of an autoencoder with the user's changes, its length and its intervals; printed."""
    from debruit.training.autoencoding import planning

    options = {
        name: value
        for name, value in (("kind", latent["bottleneck"]), ("factor", latent["factor"]))
        if value is not None
    }
    run = planning.recommend(source, spec, device, **given, **options)
    return settled(run, assignments, device)


def follow_stages(out: Path, folder, dataset, device, plan, *, resume: bool) -> int:
    """The first stage to its end, then the second."""
    from debruit.first_stage import FirstStage
    from debruit.training import stages

    finished = finish(folder, dataset, device, resume=resume)
    began = time.monotonic()
    if not finished:
        say(f"stopped in the first stage, everything is saved: continue with  debruit train --resume {out}")
        return 130
    run = settled(stages.second(out, plan, device, say), list(plan.assignments), device)
    stage = FirstStage.load(out / stages.FOLDER, "cpu")
    return follow(stages.create(out, run, stage, say), dataset, device, resume=False, began=began)
