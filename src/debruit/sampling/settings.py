"""How to sample a model when nobody says otherwise: stored in its file, changed by flags."""

from dataclasses import dataclass, field

from debruit.sampling.dpmpp_2m import DPMpp2M
from debruit.sampling.grids import Grid, UniformTime
from debruit.sampling.sampler import Sampler


@dataclass(frozen=True, kw_only=True)
class Settings:
    """A sampler, its grid and number of steps, the guidance weight (1 is none), and whether x_0^ is clipped to the data's range."""

    sampler: Sampler = field(default_factory=DPMpp2M)
    grid: Grid = field(default_factory=UniformTime)
    steps: int = 20
    guidance: float = 1.0
    clip: bool = True
