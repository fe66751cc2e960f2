"""What is needed to draw a batch of images, and the drawing of it: from noise, or, for editing, from any x at any time."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from debruit.device import has_bf16
from debruit.diffusion.process import Process
from debruit.sampling.config import SamplingConfig
from debruit.sampling.guidance.cost import evaluations
from debruit.sampling.loop import Snapshot, trajectory
from debruit.sampling.noise import ImageNoise
from debruit.sampling.sampler import Denoise, level


@dataclass(frozen=True, kw_only=True)
class SamplingJob:
    """`denoise` is conditioned, guided and clipped for a batch of images on `device`; `noise` draws theirs, (B, C, H, W), and each call gives the next."""

    denoise: Denoise
    process: Process
    settings: SamplingConfig
    noise: ImageNoise
    device: torch.device
    branches: int = 1  # of guidance: how often each image goes through the network where guidance is on

    @property
    def evaluations(self) -> int:
        """Network evaluations for each image, from noise down all the times."""
        return evaluations(self.process, self.settings, self.branches)

    @property
    def times(self) -> list[float]:
        """From noise to image, steps + 1 of them. InputError: more steps than a chain has."""
        return list(self.settings.grid.times(self.process, self.settings.steps))

    def run(self, x: Tensor | None = None, times: list[float] | None = None) -> Iterator[Snapshot]:
        """The trajectory from x, which is alpha x_0 + sigma eps at times[0], down the times; from noise down all of them where not given."""
        times = self.times if times is None else times
        x = level(self.process, times[0]).sigma * self.noise() if x is None else x
        return quietly(trajectory(self.denoise, self.process, self.settings.sampler, x, times, self.noise), self.device)


def quietly(snapshots: Iterator[Snapshot], device: torch.device) -> Iterator[Snapshot]:
    """The same snapshots, each step without gradients and, on a GPU, in bfloat16 where it has it."""
    while True:
        with (
            torch.inference_mode(),
            torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda" and has_bf16(device)),
        ):
            snapshot = next(snapshots, None)
        if snapshot is None:
            return
        yield snapshot
