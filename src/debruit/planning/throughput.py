"""How fast this machine trains a run: measured, or estimated where that would take long; and what follows from it,
length, intervals, precision."""

import os
import time
import warnings
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from typing import TypeVar

import numpy as np
import torch

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

LONGEST_MEASUREMENT = 20.0  # seconds: where two steps would take longer, their time is estimated
QUICK_FLOPS = 2e11  # a step of fewer operations is measured without asking
COMPILE_FROM_SECONDS = 20 * 60.0  # compiling takes about a minute
HALF_FLOPS = 1e8  # of a forward pass, from which on bfloat16 is taken on a CPU that has it: a guess, measured at 3.2e8 (bench/RESULTS.md)


Planned = TypeVar("Planned", bound=TrainingConfig)
PROBES = 4  # short measurements, of which the best counts: other work on the machine only slows


def best_rate(once: Callable[[], None], seconds: float) -> float:
    """Calls per second of `once`, which ends when its work is done: the best of PROBES measurements that take about
    `seconds` together."""
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
    """Floating-point operations per second of a training on this device, by those of a 3x3 convolution with its
    backward pass, as in a U-Net's middle: on a CPU in bfloat16 if `half`, on a GPU where it can."""
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
    reached = 0.4 if on_cpu and half else 0.6  # the share of it that a whole network reaches
    return reached * operations * best_rate(once, seconds)


def step_rate(step: Callable[[], object], device: torch.device, seconds: float) -> float:
    """Steps of a training per second on this device, the first one left out."""

    def once() -> None:
        step()
        if device.type == "cuda":
            torch.cuda.synchronize(device)

    once()
    return best_rate(once, seconds)


def measure(run: Run, device: torch.device, seconds: float = 3.0) -> float:
    """Images per second of this run's real training step on this device, on synthetic images."""
    state = TrainState.start(run, device)
    batch = synthetic(run)
    with Gradient(run, state.backbone, device) as gradient:
        return run.batch * step_rate(lambda: optimise(state, run, gradient, batch, 0.0), device, seconds)


def synthetic(run: Run) -> Batch:
    """A batch of noise in the shape of the run's data."""
    numbers = stream(Purpose.SYNTHETIC, 0)
    shape = (run.batch, *run.model.latent_shape)
    conditions = ConditionBatch.full(run.model, run.batch)
    x0, eps = numbers.normal(shape).clamp(-1, 1), numbers.normal(shape)
    t = run.objective.density.quantile(numbers.uniform((run.batch,)), run.model.process)
    return Batch(x0, t, eps, conditions.values, conditions.keep, np.arange(run.batch, dtype=np.uint64))


def estimated_speed(image_flops: int, batch: int, device: torch.device, *, half: bool = False) -> Speed | None:
    """The speed of a training that takes so many operations an image, by the throughput of the device, in bfloat16 if
    `half`; None where a measurement is quick."""
    if image_flops * batch < QUICK_FLOPS:
        return None
    rate = throughput(device, half=half) / image_flops
    return Speed(rate, estimated=True) if 2 * batch / rate > LONGEST_MEASUREMENT else None


def compiled_where_it_pays(run: Run, device: torch.device, speed: float) -> tuple[Run, float]:
    """The run with `compile` decided, and its speed. A GPU's long training is measured both ways; on a CPU cores that
    share a batch gain as much (gradient.py), without the minutes of compiling."""
    if run.compile is not None:
        return run, speed
    seconds = run.minutes * 60 if run.minutes else run.images / speed
    eager = replace(run, compile=False)
    if device.type != "cuda" or seconds < COMPILE_FROM_SECONDS:
        return eager, speed
    compiled = replace(run, compile=True)
    try:
        faster = measure(compiled, device, 2.0)
    except Exception as error:  # a compiler that is missing or fails is no reason not to train
        warnings.warn(
            f"torch.compile does not work here ({type(error).__name__}); training goes on without it", stacklevel=2
        )
        return eager, speed
    return (compiled, faster) if faster > speed else (eager, speed)


def halves(model: ModelConfig, device: torch.device) -> bool:
    """Whether this is a CPU that computes in bfloat16, and the network is not so small that it would gain little."""
    return device.type == "cpu" and has_bf16(device) and cost(model).forward_flops >= HALF_FLOPS


def halved(run: Run, device: torch.device) -> Run:
    """The run in bfloat16 where its network gains by it, unless its precision was chosen."""
    return replace(run, precision="bf16") if run.precision == "auto" and halves(run.model, device) else run


def affordable(run: Run, device: torch.device) -> Run:
    """The run with its batch split so that its estimated peak stays below half of the device's memory; the gradient is
    the same."""
    images, limit = run.microbatch or run.batch, memory(device) / 2
    while cost(run.model).peak_bytes(images) > limit and images % 2 == 0:
        images //= 2
    return run if images in (run.microbatch, run.batch) else replace(run, microbatch=images)


def memory(device: torch.device) -> int:
    """Bytes of memory that the device has in all."""
    if device.type == "cuda":
        return torch.cuda.get_device_properties(device).total_memory
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def seconds_to_measure(run: TrainingConfig) -> float:
    """How long a measurement may take: 2 seconds, or a twentieth of the minutes of a short training."""
    return min(2.0, 60 * run.minutes / 20) if run.minutes else 2.0


def timed(run: Planned, speed: float) -> Planned:
    """The run with its length, when it has minutes, and its intervals, at a speed in images per second."""
    if run.minutes is not None:
        run = replace(run, images=max(int(PLANNED * speed * run.minutes * 60), run.batch))
    return replace(run, every=intervals(run, speed))


def intervals(run: TrainingConfig, speed: float) -> Intervals:
    """About 100 reports, 10 validations and pictures, and a save each tenth of the training, or sooner where that is
    long."""
    seconds = run.images / speed
    report = max(int(speed * min(max(seconds / 100, 1), 30)), run.batch)
    often = max(run.images // 10, report)
    return Intervals(
        report_images=report,
        validate_images=often,
        preview_images=often,
        save_images=max(int(speed * min(max(seconds / 10, 30), 600)), run.batch),
    )
