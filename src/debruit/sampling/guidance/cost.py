"""The cost of sampling: the number of network evaluations."""

import torch

from debruit.diffusion.prediction import Estimate
from debruit.diffusion.process import Process
from debruit.sampling.config import SamplingConfig
from debruit.sampling.guidance.interval import EVERYWHERE, inside
from debruit.sampling.loop import trajectory


def evaluations(process: Process, settings: SamplingConfig, branches: int) -> int:
    """Return the network evaluations for one image where guidance has this many branches: 1 is no guidance, 2 one
    weight, and each further weight adds one."""
    if branches == 1 or settings.interval == EVERYWHERE:
        return branches * settings.sampler.evaluations(settings.steps)
    return sum(branches if inside(settings.interval, t) else 1 for t in times(process, settings))


def times(process: Process, settings: SamplingConfig) -> list[float]:
    """Return the times at which the sampler evaluates the denoiser, in order: it samples one value with a denoiser that
    records them."""
    evaluated: list[float] = []

    def denoise(x, t) -> Estimate:
        evaluated.append(float(t))
        return Estimate(x, x, torch.full_like(x, 0.5))

    x = torch.zeros(1, 1, 1, 1)
    grid = settings.grid.times(process, settings.steps)
    for _ in trajectory(denoise, process, settings.sampler, x, grid, lambda: torch.zeros_like(x)):
        pass
    return evaluated
