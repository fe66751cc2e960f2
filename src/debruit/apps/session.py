"""A training in a terminal: its settings printed, its progress shown, its end told. Shared by the verbs that train and by the demo."""

import sys
from collections.abc import Iterator

from debruit.apps import cli


def settled(run, assignments: list[str], device, dataset=None):
    """The run with the user's changes, and its length and intervals from the measured speed; printed, and how much it reads of the captions of this
    data."""
    from debruit.config import override
    from debruit.data.split import split_of
    from debruit.training.conditions import reading

    planning, _ = _kind(run)
    changes = [a for a in assignments if not a.startswith("source.")]  # those were made before the data was built
    for assignment in changes:
        run = override(run, assignment)
    run, speed = planning.fitted(run, device)
    for assignment in changes:
        if assignment.startswith("every"):  # the intervals found from the speed give way to those that were asked for
            run = override(run, assignment)
    read = [] if dataset is None else reading(getattr(run.model, "conditioners", ()), dataset)
    parted = () if dataset is None else split_of(dataset, run).lines
    for line in [*read, *parted, *planning.summary(run, device, speed)]:
        say(line)
    return run


def priced(run, device) -> int:
    """What --dry-run says beside the summary: parameters and memory by part, and the GPUs that it fits on."""
    from debruit.training.estimate import lines
    from debruit.training.pace import memory

    _, estimate = _kind(run)
    for line in lines(estimate.footprint(run), memory(device)):
        say(line)
    return 0


def folder_for(out, run):
    from debruit.training.folder import RunFolder

    return RunFolder.create(out, run, say)


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


def follow(folder, dataset, device, *, resume: bool, began: float | None = None) -> int:
    seen = finish(folder, dataset, device, resume=resume, began=began)
    if not seen:
        say(f"stopped, everything is saved: continue with  debruit train --resume {folder.path}")
        return 130
    say(f"done: {folder.path}/model.safetensors; {next_step(folder.run, folder.path)}")
    return 0


def next_step(run, path) -> str:
    """What to do with a finished model, in words and a command."""
    from debruit.conditioning.asked import ARGUMENTS
    from debruit.training.run import Run

    if not isinstance(run, Run):
        return f"train on its latents with  debruit train ldm SOURCE --autoencoder {path} --out DIR"
    needed = [c for c in run.model.conditioners if c.drop == 0 and c.field in ("image", "mask", "text")]
    if any(getattr(c, "kind", "") == "low" for c in needed):
        return f"enlarge images with  debruit upscale {path} --image small.png"
    prompted = any(c.field == "text" for c in run.model.conditioners)
    given = [f"--{ARGUMENTS[c.field]} FILE" for c in needed if c.field != "text"] + ['--prompt "..."'] * prompted
    return f"draw images with  {' '.join([f'debruit sample {path}', *given, '-n 16 --out grid.png'])}"


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


def _kind(run):
    """The planning and the estimate of a run of its kind."""
    from debruit.training import estimate, planning
    from debruit.training.autoencoding import estimate as estimate_autoencoder
    from debruit.training.autoencoding import planning as planning_autoencoder
    from debruit.training.run import Run

    return (planning, estimate) if isinstance(run, Run) else (planning_autoencoder, estimate_autoencoder)
