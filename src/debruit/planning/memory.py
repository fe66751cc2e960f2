"""Fit a run to the memory and the precision of the device."""

import math
import os
from dataclasses import replace

import torch

from debruit.device import has_bf16
from debruit.models.config import ModelConfig
from debruit.planning.cost import cost
from debruit.planning.footprint import footprint
from debruit.training.config import AutoencoderRun, Run

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
    while cost(run.model).peak_bytes(images) > limit and images % 2 == 0:
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
    return replace(run, precision="bf16") if run.precision == "auto" and gains_from_bf16(run.model, device) else run
