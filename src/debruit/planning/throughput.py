"""Training speed of this machine: measured on a convolution, and from that estimated for a run."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import torch

from debruit.device import has_bf16
from debruit.rng import Purpose, torch_generator

LONGEST_MEASUREMENT = 20.0  # seconds; if two steps would take longer, their time is estimated
QUICK_FLOPS = 2e11  # a step with fewer operations is always measured
PROBES = 4  # short measurements; the best counts, since other work on the machine only slows them


@dataclass(frozen=True)
class Speed:
    """Training speed: measured, or estimated from the operations of a step if measuring would take long."""

    images_per_second: float
    estimated: bool = False

    def __str__(self) -> str:
        rate = self.images_per_second
        shown = f"{rate:.0f}" if rate >= 10 else f"{rate:.2g}"
        return f"{shown} images/s" + (" (estimated from its FLOPs)" if self.estimated else "")


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


def estimated_speed(image_flops: int, batch: int, device: torch.device, *, half: bool = False) -> Speed | None:
    """The speed of a training with this many operations per image, by the throughput of the device, in bfloat16 if
    `half`; None if a measurement is quick."""
    if image_flops * batch < QUICK_FLOPS:
        return None
    rate = throughput(device, half=half) / image_flops
    return Speed(rate, estimated=True) if 2 * batch / rate > LONGEST_MEASUREMENT else None
