"""Length of a training: images, intervals and duration, from the training speed."""

from dataclasses import replace
from typing import TypeVar

from debruit.planning.cost import step_flops
from debruit.planning.throughput import Speed
from debruit.training.config import AnyRun, AutoencoderRun, Intervals, Run, TrainingConfig
from debruit.training.time_budget import PLANNED

Planned = TypeVar("Planned", bound=TrainingConfig)


def timed(run: Planned, speed: float) -> Planned:
    """Set the length (of a run with minutes) and the intervals by a speed in images per second."""
    if run.minutes is not None:
        run = replace(run, images=max(int(PLANNED * speed * run.minutes * 60), run.batch))
    return replace(run, every=intervals(run, speed))


def intervals(run: TrainingConfig, speed: float) -> Intervals:
    """Intervals for about 100 reports, 10 validations and previews, and a save each tenth of the training, or at least
    every ten minutes."""
    seconds = run.images / speed
    report = max(int(speed * min(max(seconds / 100, 1), 30)), run.batch)
    often = max(run.images // 10, report)
    return Intervals(
        report_images=report,
        validate_images=often,
        preview_images=often,
        save_images=max(int(speed * min(max(seconds / 10, 30), 600)), run.batch),
    )


def seconds_to_measure(run: TrainingConfig) -> float:
    """Duration of a measurement: 2 seconds, or a twentieth of the minutes of a short training."""
    return min(2.0, 60 * run.minutes / 20) if run.minutes else 2.0


def seconds(run: AnyRun, speed: Speed) -> float:
    """Duration of a training of so many images. That of an autoencoder is slower from the discriminator's entry on, in
    proportion to its operations. If the entry depends on the validation, it counts from the beginning, so that this is
    an upper bound."""
    if isinstance(run, Run) or run.criterion.adversarial is None:
        return run.images / speed.images_per_second
    begins = min(run.criterion.adversarial.begins_images or 0, run.images)
    return (begins + (run.images - begins) * slowdown(run)) / speed.images_per_second


def slowdown(run: AutoencoderRun) -> float:
    """How many times slower a step is with the discriminator than without it."""
    return step_flops(run, discriminator=True) / step_flops(run, discriminator=False)


def duration(seconds: float) -> str:
    """Format seconds in the unit that suits their size."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h" if seconds < 172_800 else f"{seconds / 86_400:.1f} days"
