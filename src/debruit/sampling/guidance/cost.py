"""What sampling costs: how often the network is evaluated."""

import torch

from debruit.diffusion.prediction import Estimate
from debruit.diffusion.process import Process
from debruit.sampling.config import SamplingConfig
from debruit.sampling.guidance.interval import EVERYWHERE, inside
from debruit.sampling.loop import trajectory


def evaluations(process: Process, settings: SamplingConfig, branches: int) -> int:
    """Network evaluations for one image where guidance has so many branches: 1 is none, 2 one weight, one more for each
    further weight."""
    if branches == 1 or settings.interval == EVERYWHERE:
        return branches * settings.sampler.evaluations(settings.steps)
    return sum(branches if inside(settings.interval, t) else 1 for t in times(process, settings))


def times(process: Process, settings: SamplingConfig) -> list[float]:
    """The times at which the sampler asks the denoiser, in order: it walks its grid, on one value, with a denoiser that
    takes note of them."""
    asked: list[float] = []

    def denoise(x, t) -> Estimate:
        asked.append(float(t))
        return Estimate(x, x, torch.full_like(x, 0.5))

    x = torch.zeros(1, 1, 1, 1)
    grid = settings.grid.times(process, settings.steps)
    for _ in trajectory(denoise, process, settings.sampler, x, grid, lambda: torch.zeros_like(x)):
        pass
    return asked
