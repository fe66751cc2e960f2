"""debruit train"""

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from debruit.apps import cli
from debruit.errors import InputError

STAGES = ("autoencoder", "ldm")


def train(
    what: Annotated[
        str | None, Parameter(name=["SOURCE|RECIPE"], help="A folder of images, a built-in source, or a recipe.")
    ] = None,
    on: Annotated[
        str | None, Parameter(name=["SOURCE"], help="After a recipe: what to train it on, instead of its own source.")
    ] = None,
    /,
    *,
    out: Path | None = None,
    resume: Path | None = None,
    images: int | None = None,
    minutes: float | None = None,
    batch: int | None = None,
    size: int | None = None,
    seed: int | None = None,
    flip: Annotated[bool | None, Parameter(negative="")] = None,
    device: str = "auto",
    set_: Annotated[list[str] | None, Parameter(name="--set", negative="")] = None,
    autoencoder: Path | None = None,
    factor: int | None = None,
    bottleneck: Literal["kl", "vq"] | None = None,
    dry_run: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Train a model, and keep everything in one run folder.

    SOURCE is a folder of images or a built-in source (debruit list data); settings are sized from the data, the machine and the budget, and printed. RECIPE
    is a name from `debruit list recipes`, with its own source or the SOURCE after it; or `autoencoder`, the first stage of latent diffusion; or `ldm`, a latent
    diffusion model, both stages under one budget, or the second on a finished --autoencoder. Ctrl-C saves; --resume continues exactly.

    Parameters
    ----------
    out
        The run folder to make.
    resume
        A run folder to continue; --images or --minutes may prolong it.
    images
        Length of the training, in images seen.
    minutes
        Length of the training, in minutes of wall-clock, everything included. Without --images or --minutes: 20, or what the recipe says.
    batch
        Images per optimiser step, over all devices.
    size
        Side of the images that a folder is brought to, in pixels.
    seed
        Decides the initial weights, the order of the data and the noise; 0 if not given.
    flip
        Mirror images at random: for data whose mirror image means the same.
    device
        auto, cpu or cuda.
    set_
        Change one setting: KEY=VALUE, as in run.json, for example optimiser.lr=3e-4 or model.process=VPCosine. May be repeated.
    autoencoder
        For ldm: a finished autoencoder, a run folder or a .safetensors file.
    factor
        For autoencoder and ldm: by how much each side of the images is reduced, a power of 2.
    bottleneck
        For autoencoder and ldm: kl, a Gaussian latent, or vq, a codebook.
    dry_run
        Print the settings, the memory and the time, and stop.
    """
    from debruit.model import choose_device
    from debruit.training.machine import prepare

    prepare()
    place = choose_device(device)
    asked = {"images": images, "minutes": minutes, "batch": batch, "size": size, "seed": seed, "flip": flip}
    check_length(images, minutes)
    if resume is not None:
        latent = {"autoencoder": autoencoder, "factor": factor, "bottleneck": bottleneck}
        given = [f"--{k}" for k in ("batch", "size", "seed", "flip") if asked[k] is not None]
        given += [f"--{k}" for k, value in latent.items() if value is not None]
        given += (
            ["--set"] * bool(set_)
            + ["--dry-run"] * dry_run
            + ["SOURCE"] * (what is not None)
            + ["--out"] * (out is not None)
        )
        if given:
            raise InputError(
                f"--resume continues a run as its run.json says, so {', '.join(given)} cannot be given; only a length can"
            )
        return _resume(resume, place, images, minutes)
    if what is None:
        raise InputError("name what to train on: a folder of images, a built-in source (debruit list data) or a recipe")
    if out is None and not dry_run:
        raise InputError("name the run folder to make: --out runs/NAME")
    latent = {"autoencoder": autoencoder, "factor": factor, "bottleneck": bottleneck}
    return _start(what, on, out, place, set_ or [], dry_run, asked, latent)


def check_length(images: int | None, minutes: float | None) -> None:
    """InputError unless at most one of them is given, and is positive."""
    if images is not None and minutes is not None:
        raise InputError("--images and --minutes both set the length of the training: give one of them")
    if minutes is not None and not minutes > 0:
        raise InputError(f"--minutes {minutes:g}: a training needs more than 0 minutes, for example --minutes 10")
    if images is not None and images < 1:
        raise InputError(f"--images {images}: a training needs at least 1 image, for example --images 200_000")


def _start(what, on, out, device, assignments: list[str], dry_run: bool, asked: dict, latent: dict) -> int:
    from debruit.recipes import find_run, first_stage_for, on_autoencoder
    from debruit.training import stages
    from debruit.training.folder import check_free

    if out is not None:
        check_free(out)
    if what in STAGES:
        return _start_stages(what, on, out, device, assignments, dry_run, asked, latent)
    path = latent.pop("autoencoder")
    if given := [f"--{name}" for name, value in latent.items() if value is not None]:
        raise InputError(
            f"{', '.join(given)}: that is for `debruit train autoencoder SOURCE` and `debruit train ldm SOURCE`"
        )
    # what a recipe on latents costs is known without its autoencoder
    stage = None if dry_run and path is None else first_stage_for(what, on, path)
    run, dataset = find_run(what, on, device, say, assignments, **asked)
    if stage is not None:
        run = on_autoencoder(run, stage)
    run = settled(run, assignments, device)
    if dry_run:
        return priced(run, device)
    folder = _folder(out, run) if stage is None else stages.create(out, run, stage, say)
    return _follow(folder, dataset, device, resume=False)


def _start_stages(what, on, out, device, assignments: list[str], dry_run: bool, asked: dict, latent: dict) -> int:
    """`debruit train autoencoder SOURCE` and `debruit train ldm SOURCE`."""
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
    source, dataset = find_data(on, say, assignments, size=size)
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
            else _follow(stages.create(out, run, stage, say), dataset, device, resume=False)
        )
    if what == "autoencoder":
        run = settled_autoencoder(source, dataset.spec, device, assignments, given, latent)
        return priced(run, device) if dry_run else _follow(_folder(out, run), dataset, device, resume=False)
    plan = planned(source, dataset.spec, device, assignments, given, latent)
    if dry_run:
        priced(plan.first, device)
        say("stage 2   as it would be with what the plan leaves for it")
        return priced(settled(second_stage(plan, device), list(plan.assignments), device), device)
    return _follow_stages(out, stages.begin(out, plan, say), dataset, device, plan, resume=False)


def planned(source, spec, device, assignments: list[str], given: dict, latent: dict):
    """The plan of both stages: "autoencoder.KEY=VALUE" among the assignments is for the first."""
    from debruit.training import stages
    from debruit.training.planning import DEFAULT_MINUTES

    minutes, images = given.pop("minutes", None), given.pop("images", None)
    minutes = DEFAULT_MINUTES if minutes is None and images is None else minutes
    first_minutes, first_images = stages.split(minutes, images)
    mine = [a.removeprefix("autoencoder.") for a in assignments if a.startswith("autoencoder.")]
    rest = tuple(a for a in assignments if not a.startswith(("autoencoder.", "source.")))
    say("stage 1   an autoencoder")
    first = settled_autoencoder(
        source, spec, device, mine, given | {"minutes": first_minutes, "images": first_images}, latent
    )
    left = f"{minutes - (first_minutes or 0):g} minutes" if minutes else f"{(images or 0) - first.images:,} images"
    say(f"stage 2   diffusion of its latents, in the {left} after it; its settings are printed when it begins")
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


def settled(run, assignments: list[str], device):
    """The run with the user's changes, and its length and intervals from the measured speed; printed."""
    from debruit.config import override

    planning, _ = _kind(run)
    changes = [a for a in assignments if not a.startswith("source.")]  # those were made before the data was built
    for assignment in changes:
        run = override(run, assignment)
    run, speed = planning.fitted(run, device)
    for assignment in changes:
        if assignment.startswith("every"):  # the intervals found from the speed give way to those that were asked for
            run = override(run, assignment)
    for line in planning.summary(run, device, speed):
        say(line)
    return run


def priced(run, device) -> int:
    """What --dry-run says beside the summary: parameters and memory by part, and the GPUs that it fits on."""
    from debruit.training.estimate import lines
    from debruit.training.planning import memory

    _, estimate = _kind(run)
    for line in lines(estimate.footprint(run), memory(device)):
        say(line)
    return 0


def _kind(run):
    """The planning and the estimate of a run of its kind."""
    from debruit.training import estimate, planning
    from debruit.training.autoencoding import estimate as estimate_autoencoder
    from debruit.training.autoencoding import planning as planning_autoencoder
    from debruit.training.run import Run

    return (planning, estimate) if isinstance(run, Run) else (planning_autoencoder, estimate_autoencoder)


def _folder(out, run):
    from debruit.training.folder import RunFolder

    return RunFolder.create(out, run, say)


def _resume(path: Path, device, images: int | None, minutes: float | None) -> int:
    from debruit.training import stages
    from debruit.training.folder import RunFolder

    plan = stages.pending(path)
    if plan is not None:
        if images is not None or minutes is not None:
            raise InputError(
                f"{path} is still in its first stage, whose share of the budget is set: resume it without a length"
            )
        folder = RunFolder.open(path / stages.FOLDER, say)
        dataset = folder.run.source.build(say)
        return _follow_stages(path, folder, dataset, device, plan, resume=True)
    folder = RunFolder.open(path, say, images=images, minutes=minutes)
    dataset = folder.run.source.build(say)
    return _follow(folder, dataset, device, resume=True)


def _follow_stages(out: Path, folder, dataset, device, plan, *, resume: bool) -> int:
    """The first stage to its end, then the second."""
    from debruit.first_stage import FirstStage
    from debruit.training import stages

    if not finish(folder, dataset, device, resume=resume):
        say(f"stopped in the first stage, everything is saved: continue with  debruit train --resume {out}")
        return 130
    run = settled(stages.second(out, plan, device, say), [], device)
    stage = FirstStage.load(out / stages.FOLDER, "cpu")
    return _follow(stages.create(out, run, stage, say), dataset, device, resume=False, began=time.monotonic())


def _follow(folder, dataset, device, *, resume: bool, began: float | None = None) -> int:
    seen = finish(folder, dataset, device, resume=resume, began=began)
    if not seen:
        say(f"stopped, everything is saved: continue with  debruit train --resume {folder.path}")
        return 130
    if hasattr(folder.run, "objective"):
        say(
            f"done: {folder.path}/model.safetensors; draw images with  debruit sample {folder.path} -n 16 --out grid.png"
        )
    else:
        say(
            f"done: {folder.path}/model.safetensors; train on its latents with  debruit train ldm SOURCE --autoencoder {folder.path} --out DIR"
        )
    return 0


def finish(folder, dataset, device, *, resume: bool, began: float | None = None) -> bool:
    """Trains a folder's run and shows how it goes; False if it was interrupted."""
    from debruit.evaluation.alarm import CopyAlarm
    from debruit.training.fit import fit
    from debruit.training.run import Run

    last = None
    start = began if began is not None else None if resume else cli.began
    alarm = CopyAlarm(folder.run, dataset) if isinstance(folder.run, Run) else None
    for last in show(fit(folder, dataset, device, say, resume=resume, began=start, alarm=alarm)):
        pass
    return last is None or not last.interrupted


def show(progress: Iterator) -> Iterator:
    """The same progress, with a bar on a terminal and plain lines elsewhere."""
    if not sys.stdout.isatty():
        for p in progress:
            say(describe(p))
            for line in filter(None, (p.watched, p.alarm)):
                say(line)
            yield p
        return
    from rich.progress import BarColumn, Progress, TextColumn

    columns = TextColumn("{task.percentage:>3.0f} %"), BarColumn(), TextColumn("{task.description}")
    with Progress(*columns, transient=False) as bar:
        task = bar.add_task("starting", total=None)
        for p in progress:
            bar.update(task, total=p.total_images, completed=p.report.images_seen, description=describe(p))
            if p.validation:
                bar.console.print(describe(p))
            for line in filter(None, (p.watched, p.alarm)):
                bar.console.print(line)
            yield p


def describe(p) -> str:
    """One line for one report."""
    parts = [
        f"{p.report.images_seen:,}/{p.total_images:,} images",
        f"loss {p.report.loss:.4f}",
        *([f"validation {p.validation.loss:.4f}"] if p.validation else []),
        *([_fidelity(p.validation.parts)] if p.validation and "psnr" in p.validation.parts else []),
        *([f"(training images {p.training.loss:.4f})"] if p.training else []),
        f"{p.images_per_second:.0f} images/s",
        f"ETA {_clock(p.eta_seconds)}",
        *([f"{p.report.skipped} steps skipped (no finite gradient)"] if p.report.skipped else []),
    ]
    return "  ".join(parts)


def _fidelity(parts) -> str:
    """What a validation of an autoencoder found."""
    codes = (
        f"{parts['perplexity']:.0f} codes in use"
        if "perplexity" in parts
        else f"{parts['active_units']:.0%} of units active"
    )
    return f"PSNR {parts['psnr']:.2f} dB  SSIM {parts['ssim']:.3f}  {codes}"


def _clock(seconds: float) -> str:
    if seconds == float("inf"):
        return "?"
    minutes, s = divmod(round(seconds), 60)
    hours, m = divmod(minutes, 60)
    return f"{hours}:{m:02d}:{s:02d}" if hours else f"{m}:{s:02d}"


def say(line: str) -> None:
    """One plain line, at once."""
    print(line, flush=True)
