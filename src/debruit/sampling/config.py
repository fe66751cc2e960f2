"""The default sampling settings of a model: stored in its file, overridden by flags."""

from dataclasses import dataclass, field

from debruit.errors import InputError
from debruit.ranges import Steps
from debruit.sampling.dpmpp_2m import DPMpp2M
from debruit.sampling.grids import Grid, UniformTime
from debruit.sampling.guidance import weights
from debruit.sampling.guidance.interval import EVERYWHERE
from debruit.sampling.sampler import Sampler


@dataclass(frozen=True, kw_only=True)
class SamplingConfig:
    """A sampler, its grid and number of steps, guidance, and whether x_0^ is clipped to the data's range.

    `guidance` is one weight (1 is none) or one for each of several conditions, in the order of the chain rule;
    `interval` the times, 0 clean and 1 noise, between which it is on; `rescale` the share, 0 to
    1, by which added contrast is reduced. docs/guidance.md.
    """

    sampler: Sampler = field(default_factory=DPMpp2M)
    grid: Grid = field(default_factory=UniformTime)
    steps: Steps = 20
    guidance: float | tuple[tuple[str, float], ...] = 1.0
    interval: tuple[float, float] = EVERYWHERE
    rescale: float = 0.0
    clip: bool = True

    def __post_init__(self) -> None:
        weights.check(self.guidance)
        low, high = self.interval
        if not 0 <= low <= high <= 1:
            raise InputError(
                f"a guidance interval from {low:g} to {high:g}: give two times between 0 (clean) and 1 (noise), the "
                "smaller "
                "first, for example 0.1,0.8"
            )
        if not 0 <= self.rescale <= 1:
            raise InputError(
                f"a rescaling of guidance by {self.rescale:g}: give 0 (none) to 1 (all of it), for example 0.7"
            )
