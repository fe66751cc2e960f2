"""debruit train"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from debruit.apps import cli
from debruit.errors import InputError


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
    dry_run: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Train a model, and keep everything in one run folder.

    SOURCE is a folder of images or a built-in source (debruit list data); settings are sized from the data, the machine and the budget, and printed. RECIPE
    is a name from `debruit list recipes`, with its own source or the SOURCE after it. Ctrl-C saves; --resume continues exactly.

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
        given = [f"--{k}" for k in ("batch", "size", "seed", "flip") if asked[k] is not None]
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
    return _start(what, on, out, place, set_ or [], dry_run, asked)


def check_length(images: int | None, minutes: float | None) -> None:
    """InputError unless at most one of them is given, and is positive."""
    if images is not None and minutes is not None:
        raise InputError("--images and --minutes both set the length of the training: give one of them")
    if minutes is not None and not minutes > 0:
        raise InputError(f"--minutes {minutes:g}: a training needs more than 0 minutes, for example --minutes 10")
    if images is not None and images < 1:
        raise InputError(f"--images {images}: a training needs at least 1 image, for example --images 200_000")


def _start(what, on, out, device, assignments: list[str], dry_run: bool, asked: dict) -> int:
    from debruit.recipes import find_run
    from debruit.training.folder import RunFolder, check_free

    if out is not None:
        check_free(out)
    run, dataset = find_run(what, on, device, say, assignments, **asked)
    run = settled(run, assignments, device)
    if dry_run:
        return 0
    return _follow(RunFolder.create(out, run, say), dataset, device, resume=False)


def settled(run, assignments: list[str], device):
    """The run with the user's changes, and its length and intervals from the measured speed; printed."""
    from debruit.config import override
    from debruit.training import planning

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


def _resume(path: Path, device, images: int | None, minutes: float | None) -> int:
    from debruit.training.folder import RunFolder

    folder = RunFolder.open(path, say, images=images, minutes=minutes)
    dataset = folder.run.source.build(say)
    return _follow(folder, dataset, device, resume=True)


def _follow(folder, dataset, device, *, resume: bool) -> int:
    from debruit.evaluation.alarm import CopyAlarm
    from debruit.training.fit import fit

    last, began = None, None if resume else cli.began
    alarm = CopyAlarm(folder.run, dataset)
    for last in show(fit(folder, dataset, device, say, resume=resume, began=began, alarm=alarm)):
        pass
    if last is not None and last.interrupted:
        say(
            f"stopped at {last.report.images_seen:,} images, everything is saved: continue with  debruit train --resume {folder.path}"
        )
        return 130
    say(f"done: {folder.path}/model.safetensors; draw images with  debruit sample {folder.path} -n 16 --out grid.png")
    return 0


def show(progress: Iterator) -> Iterator:
    """The same progress, with a bar on a terminal and plain lines elsewhere."""
    if not sys.stdout.isatty():
        for p in progress:
            say(describe(p))
            if p.alarm:
                say(p.alarm)
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
            if p.alarm:
                bar.console.print(p.alarm)
            yield p


def describe(p) -> str:
    """One line for one report."""
    parts = [
        f"{p.report.images_seen:,}/{p.total_images:,} images",
        f"loss {p.report.loss:.4f}",
        *([f"validation {p.validation.loss:.4f}"] if p.validation else []),
        *([f"(training images {p.training.loss:.4f})"] if p.training else []),
        f"{p.images_per_second:.0f} images/s",
        f"ETA {_clock(p.eta_seconds)}",
        *([f"{p.report.skipped} steps skipped (no finite gradient)"] if p.report.skipped else []),
    ]
    return "  ".join(parts)


def _clock(seconds: float) -> str:
    if seconds == float("inf"):
        return "?"
    minutes, s = divmod(round(seconds), 60)
    hours, m = divmod(minutes, 60)
    return f"{hours}:{m:02d}:{s:02d}" if hours else f"{m}:{s:02d}"


def say(line: str) -> None:
    """One plain line, at once."""
    print(line, flush=True)
