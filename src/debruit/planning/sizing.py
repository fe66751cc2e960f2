"""Size a run for the device: memory and precision, then images, intervals and duration by the training speed."""

import math
import os
from dataclasses import replace
from typing import TypeVar

import torch

from debruit.device import has_bf16
from debruit.models.config import ModelConfig
from debruit.planning.cost import cost, step_flops
from debruit.planning.footprint import footprint
from debruit.planning.throughput import Speed
from debruit.training.config import AnyRun, AutoencoderRun, Intervals, Run, TrainingConfig
from debruit.training.time_budget import PLANNED

Planned = TypeVar("Planned", bound=TrainingConfig)

# operations of a forward pass from which on a CPU that has bfloat16 uses it: a guess, measured at 3.2e8
# (bench/RESULTS.md)
BF16_FLOPS = 1e8
SMALL_VALUES = 2**18  # batches with fewer values fit everywhere, and the estimate takes a second


def device_bytes(device: torch.device) -> int:
    """Total memory of the device, in bytes."""
    if device.type == "cuda":
        return torch.cuda.get_device_properties(device).total_memory
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def with_microbatch(run: Run, device: torch.device) -> Run:
    """Split the batch into microbatches until the estimated peak is below half of the device's memory; the gradient is
    the same."""
    images, limit = run.microbatch or run.batch, device_bytes(device) / 2
    while cost(run.step_model).peak_bytes(images) > limit and images % 2 == 0:
        images //= 2
    return run if images in (run.microbatch, run.batch) else replace(run, microbatch=images)


def with_smaller_batch(run: AutoencoderRun, device: torch.device) -> AutoencoderRun:
    """Reduce the batch until its estimated peak is below half of the device's memory, or to 1 image."""
    if run.batch * math.prod(run.data.shape) <= SMALL_VALUES:
        return run
    return replace(run, batch=max(footprint(run).most(device_bytes(device) / 2), 1))


def gains_from_bf16(model: ModelConfig, device: torch.device) -> bool:
    """Whether this is a CPU that computes in bfloat16, and the network is large enough to gain from it."""
    return device.type == "cpu" and has_bf16(device) and cost(model).forward_flops >= BF16_FLOPS


def with_bf16(run: Run, device: torch.device) -> Run:
    """Choose bfloat16 if the network gains from it and the precision is "auto"."""
    return (
        replace(run, precision="bf16") if run.precision == "auto" and gains_from_bf16(run.step_model, device) else run
    )


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
