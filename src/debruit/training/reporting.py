"""The report of a training in its folder: as an event, as a line of text and as a line of log.jsonl."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from debruit import events
from debruit.training.loop import Report
from debruit.training.state import State
from debruit.training.validation import Validation


@dataclass(frozen=True, kw_only=True)
class TrainingReport:
    """The loop's report with the supervisor's work at that moment and the state of the clock.

    `validation` is the loss on held-out images and `training` the loss on as many training images, None where no
    validation was due. `alarm` is the sentence of the copy alarm and `guard` that of the discriminator guard, None
    without one. `total_images` is an estimate if the budget is in minutes (`by_time`); `share` of the budget, from 0 to
    1, is spent; `eta_seconds` is the time to the end, infinite if unknown. `saved`: the state was written.
    """

    report: Report
    validation: Validation | None = None
    training: Validation | None = None
    alarm: str | None = None
    guard: str | None = None
    total_images: int
    images_per_second: float
    eta_seconds: float
    saved: bool
    interrupted: bool
    share: float
    by_time: bool


def emit(p: TrainingReport, *, stage: str, after: float = 0.0) -> None:
    """Emit a report as progress of `stage`, then the sentences of the guard and of the alarm as lines.

    `after` is the time in seconds that the user's budget leaves for work after this training.
    """
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
    total = seen if p.report.last else p.total_images
    events.progress(stage, seen, total, eta=p.eta_seconds + after, message=describe(p), **values)
    for line in filter(None, (p.guard, p.alarm)):
        events.say(line, stage=stage)


def describe(p: TrainingReport) -> str:
    """Return a report as one line of text, without the remaining time."""
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
    """Round an estimate to two digits."""
    unit = 10 ** max(len(str(count)) - 2, 0)
    return round(count / unit) * unit


def log_record(p: TrainingReport, state: State) -> dict[str, Any]:
    """Return a report as one line of log.jsonl: JSON values, null where a number is not finite."""
    report = asdict(p.report)
    report |= report.pop("parts")
    del report["last"]
    record: dict[str, Any] = {key: _finite(value) for key, value in report.items()}
    record |= {"images_per_second": round(p.images_per_second, 2), "elapsed": round(state.elapsed, 2)}
    record |= {"total_images": state.total_images, "share": round(p.share, 5)}
    for name, validation in (("validation", p.validation), ("train", p.training)):
        if validation:
            record[f"{name}_loss"] = _finite(validation.loss)
            record |= {f"{name}_{part}": _finite(value) for part, value in validation.parts.items()}
    sentences = {"alarm": p.alarm, "guard": p.guard}
    return record | {name: sentence for name, sentence in sentences.items() if sentence}


def _fidelity(parts: Mapping[str, float]) -> str:
    """Return the validation scores of an autoencoder as text."""
    codes = (
        f"{parts['perplexity']:.0f} codes in use"
        if "perplexity" in parts
        else f"{parts['active_units']:.0%} of units active"
    )
    return f"PSNR {parts['psnr']:.2f} dB  SSIM {parts['ssim']:.3f}  {codes}"


def _finite(value: float | int) -> float | int | None:
    return None if isinstance(value, float) and not math.isfinite(value) else value
