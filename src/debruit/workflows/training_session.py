"""One training in its folder: the supervisor's reports become events."""

from collections.abc import Callable
from typing import Any

import torch

from debruit import events
from debruit.data.dataset import Dataset
from debruit.data.split import Split
from debruit.evaluation.memorisation.monitor import CopyAlarm
from debruit.planning.plan import Plan, replan
from debruit.training.config import AutoencoderRun, Run
from debruit.training.run_folder import RunFolder
from debruit.training.supervisor import Progress as SupervisorReport
from debruit.training.supervisor import fit


def run_training(
    folder: RunFolder,
    dataset: Dataset,
    device: torch.device,
    *,
    split: Split | None = None,
    resume: bool = False,
    started: float | None = None,
    replan: Callable[[float], Any] | None = None,
    after: float = 0.0,
) -> SupervisorReport | None:
    """Train a folder's run to its end or until it is cancelled; return the last report (None: nothing was left to do).

    `started` (time.monotonic()) is when the minutes began, now by default; `after` seconds of the user's minutes come
    after this training. `replan(factor)` gives the run for a machine that turns out to be `factor` times as fast.
    """
    last = None
    alarm = CopyAlarm(folder.run, dataset, split) if isinstance(folder.run, Run) else None

    def again(factor: float) -> Any:
        run = replan(factor) if replan else None
        if run is not None and alarm is not None:
            alarm.run = run
        return run

    reports = fit(
        folder,
        dataset,
        device,
        split=split,
        resume=resume,
        began=started,
        alarm=alarm,
        replan=again if replan else None,
    )
    for last in reports:
        report(last, after=after, stage="autoencoder" if isinstance(folder.run, AutoencoderRun) else "train")
    return last


def replanner(plan: Plan, *, batch: int | None, assignments: tuple[str, ...]) -> Callable[[float], Any]:
    """For `run_training`: the run of a new plan, which is reported; None where it would be about the same."""

    def again(factor: float) -> Any:
        new = replan(plan, factor, batch=batch, assignments=assignments)
        if new is None:
            return None
        for line in new.summary:
            events.say(line, stage="plan")
        return new.run

    return again


def report(p: SupervisorReport, *, after: float = 0.0, stage: str = "train") -> None:
    """Emit a report: how far the training is with its numbers, then the lines of the guard and the copy alarm."""
    values: dict[str, Any] = {
        "share": 1.0 if p.report.last else p.share,
        "keep": p.validation is not None,
        "loss": p.report.loss,
        "images_per_second": p.images_per_second,
        "saved": p.saved,
    }
    if p.validation:
        values["validation_loss"] = p.validation.loss
    seen = p.report.images_seen
    events.progress(
        stage, seen, seen if p.report.last else p.total_images, eta=p.eta_seconds + after, message=describe(p), **values
    )
    for line in filter(None, (p.watched, p.alarm)):
        events.say(line, stage=stage)


def describe(p: SupervisorReport) -> str:
    """Return one line for one report, without the time that is left."""
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
        *([f"{p.report.skipped} steps skipped (no finite gradient)"] if p.report.skipped else []),
    ]
    return "  ".join(parts)


def rounded(count: int) -> int:
    """An estimated number, to two digits."""
    unit = 10 ** max(len(str(count)) - 2, 0)
    return round(count / unit) * unit


def _fidelity(parts: Any) -> str:
    """Return the validation scores of an autoencoder as text."""
    codes = (
        f"{parts['perplexity']:.0f} codes in use"
        if "perplexity" in parts
        else f"{parts['active_units']:.0%} of units active"
    )
    return f"PSNR {parts['psnr']:.2f} dB  SSIM {parts['ssim']:.3f}  {codes}"
