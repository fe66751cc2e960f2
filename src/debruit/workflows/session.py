"""A training in a terminal: its settings printed, its progress shown, its end told. Shared by the verbs that train and by the demo."""

import sys
from collections.abc import Iterator

from debruit.console import say
from debruit.workflows.progress import clock

ALIKE = 1.25  # networks whose operations differ by less are worth no new start


def settled(run, assignments: list[str], device, dataset=None, *, again: bool = False):
    """The run with the user's changes, and its length and intervals from the measured speed; printed, and how much it reads of the captions of this
    data, and how that is divided, unless that was said before (`again`)."""
    from debruit.data.split import split_of
    from debruit.overrides import override
    from debruit.planning.conditions import reading
    from debruit.planning.registry import planner_of

    planning = planner_of(run)
    run, speed = planning.fitted(changed(run, assignments), device)
    for assignment in assignments:
        if assignment.startswith("every"):  # the intervals found from the speed give way to those that were asked for
            run = override(run, assignment)
    split = None if dataset is None else split_of(dataset, run)
    told = []
    if dataset is not None and split is not None and not again:
        told = [*reading(getattr(run.model, "conditioners", ()), dataset), *split.lines]
    for line in [*told, *planning.summary(run, device, speed, split)]:
        say(line)
    return run


def changed(run, assignments: list[str]):
    """The run with the user's changes; those of its source were made before the data was built."""
    from debruit.overrides import override

    for assignment in assignments:
        if not assignment.startswith("source."):
            run = override(run, assignment)
    return run


def replanner(run, device, dataset, *, batch: int | None, assignments: list[str]):
    """For `fit`: the run that is planned when the machine turns out to be `speed` times as fast as was measured, with the same changes by the user; None
    where its network is about as large, so that starting over would gain nothing."""

    from debruit.data.split import split_of
    from debruit.planning.registry import planner_of

    def replan(speed: float):
        planning = planner_of(run)
        split = split_of(dataset, run)
        again = changed(planning.again(run, device, speed=speed, batch=batch, split=split), assignments)
        before, now = planning.operations(run), planning.operations(again)
        if 1 / ALIKE < now / before < ALIKE:
            return None
        return settled(again, assignments, device, dataset, again=True)

    return replan


def priced(run, device) -> int:
    """What --dry-run says beside the summary: parameters and memory by part, and the GPUs that it fits on."""
    from debruit.planning.footprint import lines
    from debruit.planning.registry import footprint_of
    from debruit.planning.throughput import memory

    for line in lines(footprint_of(run), memory(device)):
        say(line)
    return 0


def folder_for(out, run):
    from debruit.training.run_folder import RunFolder

    return RunFolder.create(out, run)


def finish(
    folder, dataset, device, *, resume: bool, began: float | None = None, replan=None, after: float = 0.0
) -> bool:
    """Trains a folder's run and shows how it goes, with `after` seconds of the user's minutes to come after it; False if it was interrupted."""
    from debruit.evaluation.memorisation.monitor import CopyAlarm
    from debruit.training.config import Run
    from debruit.training.supervisor import fit

    last = None
    alarm = CopyAlarm(folder.run, dataset) if isinstance(folder.run, Run) else None

    def chosen_again(speed: float):
        run = replan(speed) if replan else None
        if run is not None and alarm is not None:
            alarm.run = run
        return run

    progress = fit(
        folder, dataset, device, resume=resume, began=began, alarm=alarm, replan=chosen_again if replan else None
    )
    for last in show(progress, after=after):
        pass
    return last is None or not last.interrupted


def follow(folder, dataset, device, *, resume: bool, began: float | None = None, replan=None) -> int:
    seen = finish(folder, dataset, device, resume=resume, began=began, replan=replan)
    if not seen:
        say(f"stopped, everything is saved: continue with  debruit train --resume {folder.path}")
        return 130
    say(f"done: {folder.path}/model.safetensors; {next_step(folder.run, folder.path)}")
    return 0


def next_step(run, path) -> str:
    """What to do with a finished model, in words and a command."""
    from debruit.conditioning.batch import ARGUMENTS
    from debruit.training.config import Run

    if not isinstance(run, Run):
        return f"train on its latents with  debruit train ldm SOURCE --autoencoder {path} --out DIR"
    needed = [c for c in run.model.conditioners if c.drop == 0 and c.field in ("image", "mask", "text")]
    if any(getattr(c, "kind", "") == "low" for c in needed):
        return f"enlarge images with  debruit upscale {path} --image small.png"
    prompted = any(c.field == "text" for c in run.model.conditioners)
    given = [f"--{ARGUMENTS[c.field]} FILE" for c in needed if c.field != "text"] + ['--prompt "..."'] * prompted
    return f"draw images with  {' '.join([f'debruit sample {path}', *given, '-n 16 --out grid.png'])}"


def show(progress: Iterator, *, after: float = 0.0) -> Iterator:
    """Passes progress on and shows it, as a bar on a terminal and as plain lines elsewhere. `after` seconds of later work count towards the time to the end."""
    if not sys.stdout.isatty():
        for p in progress:
            say(describe(p, after))
            for line in filter(None, (p.watched, p.alarm)):
                say(line)
            yield p
        return
    from rich.progress import BarColumn, Progress, TextColumn

    columns = TextColumn("{task.percentage:>3.0f} %"), BarColumn(), TextColumn("{task.description}")
    with Progress(*columns, transient=False) as bar:
        task = bar.add_task("starting", total=None)
        for p in progress:
            bar.update(task, total=1.0, completed=p.share, description=describe(p, after))
            if p.validation:
                bar.console.print(describe(p, after))
            for line in filter(None, (p.watched, p.alarm)):
                bar.console.print(line)
            yield p


def describe(p, after: float = 0.0) -> str:
    """One line for one report."""
    seen = f"{p.report.images_seen:,}"
    parts = [
        f"{p.share:.0%}  {seen} of about {rounded(p.total_images):,} images"
        if p.by_time
        else f"{seen}/{p.total_images:,} images",
        f"loss {p.report.loss:.4f}",
        *([f"validation {p.validation.loss:.4f}"] if p.validation else []),
        *([_fidelity(p.validation.parts)] if p.validation and "psnr" in p.validation.parts else []),
        *([f"(training images {p.training.loss:.4f})"] if p.training else []),
        f"{p.images_per_second:.0f} images/s",
        f"ETA {clock(p.eta_seconds + after)}",
        *([f"{p.report.skipped} steps skipped (no finite gradient)"] if p.report.skipped else []),
    ]
    return "  ".join(parts)


def rounded(count: int) -> int:
    """An estimated number, to two digits."""
    unit = 10 ** max(len(str(count)) - 2, 0)
    return round(count / unit) * unit


def _fidelity(parts) -> str:
    """What a validation of an autoencoder found."""
    codes = (
        f"{parts['perplexity']:.0f} codes in use"
        if "perplexity" in parts
        else f"{parts['active_units']:.0%} of units active"
    )
    return f"PSNR {parts['psnr']:.2f} dB  SSIM {parts['ssim']:.3f}  {codes}"
