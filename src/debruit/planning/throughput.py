"""Training speed of this machine, measured, or estimated if measuring would take long; and the length, the intervals
and the precision that follow from it."""

import os
import time
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from typing import TypeVar

import numpy as np
import torch

from debruit import events
from debruit.conditioning.batch import ConditionBatch
from debruit.device import has_bf16
from debruit.models.config import ModelConfig
from debruit.planning.footprint import Speed, cost
from debruit.rng import Purpose, stream, torch_generator
from debruit.training.batches import Batch
from debruit.training.config import Intervals, Run, TrainingConfig
from debruit.training.optim.gradient import Gradient
from debruit.training.state import TrainState
from debruit.training.tasks.diffusion import optimise
from debruit.training.time_budget import PLANNED

LONGEST_MEASUREMENT = 20.0  # seconds; if two steps would take longer, their time is estimated
QUICK_FLOPS = 2e11  # a step with fewer operations is always measured
COMPILE_FROM_SECONDS = 20 * 60.0  # compiling takes about a minute
# operations of a forward pass from which on a CPU that has bfloat16 uses it: a guess, measured at 3.2e8
# (bench/RESULTS.md)
HALF_FLOPS = 1e8


Planned = TypeVar("Planned", bound=TrainingConfig)
PROBES = 4  # short measurements; the best counts, since other work on the machine only slows them


def best_rate(once: Callable[[], None], seconds: float) -> float:
    """Calls per second of `once`, which returns when its work is done: the best of PROBES measurements, which together
    take about `seconds`."""
    rates = []
    for _ in range(PROBES):
        count, start = 0, time.perf_counter()
        while count < 1 or time.perf_counter() - start < seconds / PROBES:
            once()
            count += 1
        rates.append(count / (time.perf_counter() - start))
    return max(rates)


@lru_cache(maxsize=8)
def throughput(device: torch.device, *, half: bool = False, seconds: float = 0.8) -> float:
    """Floating-point operations per second of a training on this device, estimated by timing a 3x3 convolution with its
    backward pass, as in the middle of a U-Net: on a CPU in bfloat16 if `half`, on a GPU if it has it."""
    on_cpu = device.type == "cpu"
    channels, batch, side = (96, 32, 14) if on_cpu else (256, 256, 32)
    with torch_generator(Purpose.SYNTHETIC, 0):
        convolution = torch.nn.Conv2d(channels, channels, 3, padding=1)
        x = torch.randn(batch, channels, side, side)
    convolution = convolution.to(device)
    x = x.to(device, memory_format=torch.channels_last).requires_grad_()
    operations = 3 * 2 * 9 * channels**2 * batch * side**2

    def once() -> None:
        with torch.autocast(device.type, torch.bfloat16, enabled=half if on_cpu else has_bf16(device)):
            convolution(x).sum().backward()
        if not on_cpu:
            torch.cuda.synchronize(device)

    once()
    reached = 0.4 if on_cpu and half else 0.6  # the share that a whole network reaches
    return reached * operations * best_rate(once, seconds)


def step_rate(step: Callable[[], object], device: torch.device, seconds: float) -> float:
    """Training steps per second on this device, without the first one."""

    def once() -> None:
        step()
        if device.type == "cuda":
            torch.cuda.synchronize(device)

    once()
    return best_rate(once, seconds)


def measure(run: Run, device: torch.device, seconds: float = 3.0) -> float:
    """Images per second of this run's training step on this device, measured on synthetic images."""
    state = TrainState.start(run, device)
    batch = synthetic(run)
    with Gradient(run, state.backbone, device) as gradient:
        return run.batch * step_rate(lambda: optimise(state, run, gradient, batch, 0.0), device, seconds)


def synthetic(run: Run) -> Batch:
    """A batch of noise with the shapes of the run's data."""
    numbers = stream(Purpose.SYNTHETIC, 0)
    shape = (run.batch, *run.model.latent_shape)
    conditions = ConditionBatch.full(run.model, run.batch)
    x0, eps = numbers.normal(shape).clamp(-1, 1), numbers.normal(shape)
    t = run.objective.density.quantile(numbers.uniform((run.batch,)), run.model.process)
    return Batch(x0, t, eps, conditions.values, conditions.keep, np.arange(run.batch, dtype=np.uint64))


def estimated_speed(image_flops: int, batch: int, device: torch.device, *, half: bool = False) -> Speed | None:
    """The speed of a training with this many operations per image, by the throughput of the device, in bfloat16 if
    `half`; None if a measurement is quick."""
    if image_flops * batch < QUICK_FLOPS:
        return None
    rate = throughput(device, half=half) / image_flops
    return Speed(rate, estimated=True) if 2 * batch / rate > LONGEST_MEASUREMENT else None


def compiled_where_it_pays(run: Run, device: torch.device, speed: float) -> tuple[Run, float]:
    """Decide on torch.compile; return the run and its speed. A long training on a GPU is measured both ways; on a CPU,
    splitting the batch over the cores gains as much (gradient.py), without the time for compiling."""
    if run.compile is not None:
        return run, speed
    seconds = run.minutes * 60 if run.minutes else run.images / speed
    eager = replace(run, compile=False)
    if device.type != "cuda" or seconds < COMPILE_FROM_SECONDS:
        return eager, speed
    compiled = replace(run, compile=True)
    try:
        faster = measure(compiled, device, 2.0)
    except Exception as error:  # a missing or failing compiler does not prevent training
        events.notice(
            f"torch.compile does not work here ({type(error).__name__}); training continues without it", stage="plan"
        )
        return eager, speed
    return (compiled, faster) if faster > speed else (eager, speed)


def halves(model: ModelConfig, device: torch.device) -> bool:
    """Whether this is a CPU that computes in bfloat16, and the network is large enough to gain from it."""
    return device.type == "cpu" and has_bf16(device) and cost(model).forward_flops >= HALF_FLOPS


def halved(run: Run, device: torch.device) -> Run:
    """Choose bfloat16 if the network gains from it and the precision is "auto"."""
    return replace(run, precision="bf16") if run.precision == "auto" and halves(run.model, device) else run


def affordable(run: Run, device: torch.device) -> Run:
    """Split the batch into microbatches until the estimated peak is below half of the device's memory; the gradient is
    the same."""
    images, limit = run.microbatch or run.batch, memory(device) / 2
    while cost(run.model).peak_bytes(images) > limit and images % 2 == 0:
        images //= 2
    return run if images in (run.microbatch, run.batch) else replace(run, microbatch=images)


def memory(device: torch.device) -> int:
    """Total memory of the device, in bytes."""
    if device.type == "cuda":
        return torch.cuda.get_device_properties(device).total_memory
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def seconds_to_measure(run: TrainingConfig) -> float:
    """Duration of a measurement: 2 seconds, or a twentieth of the minutes of a short training."""
    return min(2.0, 60 * run.minutes / 20) if run.minutes else 2.0


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
