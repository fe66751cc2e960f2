"""The only sampling loop: a generator of snapshots. Progress bars, previews, cancelling and tests are its consumers."""

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from torch import Tensor

from debruit.diffusion.prediction import Estimate
from debruit.diffusion.process import Process
from debruit.sampling.sampler import Denoise, Noise, Sampler

OnStep = Callable[[int, int], object]


class Snapshot(NamedTuple):
    """The state of sampling after `step` of `steps` steps: x, (B, ...), at time t. The first snapshot is the noise,
    step 0.

    x0 and eps, (B, ...), are the first estimate of this step, made where it began (guided and clipped, as the sampler
    used it), so they cost no network evaluation; None where no step has been made: in the first snapshot, and after a
    jump back to more noise.
    """

    x: Tensor
    t: float
    step: int
    steps: int
    x0: Tensor | None = None
    eps: Tensor | None = None


class FirstEstimate:
    """A denoiser that remembers the first estimate of a step: `made` is None until it is called, and again after
    `forget`."""

    def __init__(self, denoise: Denoise) -> None:
        self.denoise = denoise
        self.made: Estimate | None = None

    def __call__(self, x_t: Tensor, t: float) -> Estimate:
        estimate = self.denoise(x_t, t)
        self.made = self.made or estimate
        return estimate

    def forget(self) -> None:
        self.made = None

    def snapshot(self, x: Tensor, t: float, step: int, steps: int) -> Snapshot:
        """The snapshot after a step, with its first estimate."""
        x0, eps = (self.made.x0, self.made.eps) if self.made else (None, None)
        return Snapshot(x, t, step, steps, x0, eps)


def trajectory(
    denoise: Denoise, process: Process, sampler: Sampler, x: Tensor, grid: Sequence[float], noise: Noise
) -> Iterator[Snapshot]:
    """Sample from x = alpha x_0 + sigma eps at time grid[0], which is sigma(1) eps for pure noise, down the grid:
    len(grid) snapshots."""
    estimates, state, steps = FirstEstimate(denoise), None, len(grid) - 1
    yield Snapshot(x, grid[0], 0, steps)
    for k, (t, s) in enumerate(pairwise(grid), start=1):
        estimates.forget()
        x, state = sampler.step(estimates, process, x, t, s, state, noise)
        yield estimates.snapshot(x, s, k, steps)


def last(snapshots: Iterator[Snapshot], progress: OnStep | None = None) -> Snapshot:
    """Exhaust a trajectory and return its last snapshot. `progress(step, steps)` is called after each step."""
    final = None
    for final in snapshots:
        if progress is not None and final.step:
            progress(final.step, final.steps)
    assert final is not None, "a trajectory has at least one snapshot"
    return final


def offset(progress: OnStep, batch: int, batches: int) -> OnStep:
    """Return the progress of one of several batches as a part of all."""
    return lambda step, steps: progress(batch * steps + step, batches * steps)
