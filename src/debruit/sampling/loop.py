"""The only sampling loop: a generator of snapshots. Progress bars, previews, cancelling and tests are its consumers."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from torch import Tensor

from debruit.diffusion.process import Process
from debruit.sampling.sampler import Denoise, Noise, Sampler


class Snapshot(NamedTuple):
    """x after a step, (B, ...), at time t; `step` of `steps` are done. The first snapshot is the noise, step 0."""

    x: Tensor
    t: float
    step: int
    steps: int


def trajectory(
    denoise: Denoise, process: Process, sampler: Sampler, x: Tensor, grid: Sequence[float], noise: Noise
) -> Iterator[Snapshot]:
    """From x at time grid[0] down the grid. x is alpha x_0 + sigma eps at that time; for pure noise sigma(1) eps."""
    state = sampler.init(x)
    steps = len(grid) - 1
    yield Snapshot(x, grid[0], 0, steps)
    for k, (t, s) in enumerate(pairwise(grid), start=1):
        x, state = sampler.step(denoise, process, x, t, s, state, noise)
        yield Snapshot(x, s, k, steps)
