"""One sampling job: what is needed to sample a batch of images from noise, or, for editing, from any x at any time."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from debruit.device import has_bf16
from debruit.diffusion.process import Process
from debruit.sampling.config import SamplingConfig
from debruit.sampling.guidance.cost import evaluations
from debruit.sampling.loop import OnStep, Snapshot, last, trajectory
from debruit.sampling.noise import ImageNoise
from debruit.sampling.sampler import Denoise, level


@dataclass(frozen=True, kw_only=True)
class SamplingJob:
    """A batch of images to be sampled. `denoise` is conditioned, guided and clipped for this batch, on `device`; each
    call of `noise` draws its next noise, (B, C, ...)."""

    denoise: Denoise
    process: Process
    settings: SamplingConfig
    noise: ImageNoise
    device: torch.device
    branches: int = 1  # of guidance: network evaluations per denoising where guidance is on

    @property
    def evaluations(self) -> int:
        """Network evaluations per image, from pure noise down the whole grid."""
        return evaluations(self.process, self.settings, self.branches)

    @property
    def times(self) -> list[float]:
        """The grid, steps + 1 falling times. InputError: more steps than a chain has."""
        return list(self.settings.grid.times(self.process, self.settings.steps))

    def run(self, x: Tensor | None = None, times: list[float] | None = None) -> Iterator[Snapshot]:
        """Sample from x, which is alpha x_0 + sigma eps at times[0], down `times`; by default from pure noise down the
        grid."""
        times = self.times if times is None else times
        x = level(self.process, times[0]).sigma * self.noise() if x is None else x
        return quietly(trajectory(self.denoise, self.process, self.settings.sampler, x, times, self.noise), self.device)

    def final(
        self, x: Tensor | None = None, times: list[float] | None = None, *, progress: OnStep | None = None
    ) -> Snapshot:
        """The last snapshot of `run`: its x is the sample, (B, C, ...). `progress(step, steps)` is called after each
        step."""
        return last(self.run(x, times), progress)


def quietly(snapshots: Iterator[Snapshot], device: torch.device) -> Iterator[Snapshot]:
    """Make each step of a trajectory without gradients and, on a GPU that has it, in bfloat16."""
    while True:
        with (
            torch.inference_mode(),
            torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda" and has_bf16(device)),
        ):
            snapshot = next(snapshots, None)
        if snapshot is None:
            return
        yield snapshot
