"""Grids: S steps of a sampler are S + 1 falling times, from 1 (noise) to 0 (clean).

A grid that is uniform in a quantity which is infinite at an end (log-SNR, sigma / alpha) spans the finite range that it
names, inside [0, 1], and then steps to the end.
"""

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol, runtime_checkable

import torch

from debruit.diffusion.process import Process, log_snr, time_of_log_snr
from debruit.diffusion.processes.tabulated import Tabulated
from debruit.errors import InputError
from debruit.ranges import Positive


@runtime_checkable
class Grid(Protocol):
    """times(process, steps): `steps` + 1 floats, strictly falling, the first at the noise end, the last 0."""

    def times(self, process: Process, steps: int) -> list[float]: ...


@dataclass(frozen=True, kw_only=True)
class ChainSteps:
    """The chain's own steps: i from T to 0, all of them when S = T, else equidistant and rounded; distinct for every S
    in 1..T."""

    def times(self, process: Process, steps: int) -> list[float]:
        if not isinstance(process, Tabulated):
            raise InputError(
                "the grid of a chain's own steps needs a model with a chain; this one is in continuous time: use "
                "UniformTime"
            )
        total = process.chain.steps
        if not 1 <= steps <= total:
            raise InputError(f"{steps} steps on a chain of {total}: give --steps between 1 and {total}")
        return [math.floor(total * (steps - k) / steps + 0.5) / total for k in range(steps + 1)]


@dataclass(frozen=True, kw_only=True)
class UniformTime:
    """t equidistant. `shift` > 1 spends more steps near the noise: t -> shift t / (1 + (shift - 1) t) (Esser et al.
    2024, equation 23)."""

    shift: Positive = 1.0

    def times(self, process: Process, steps: int) -> list[float]:
        uniform = [1 - k / steps for k in range(steps)] + [0.0]
        return [self.shift * u / (1 + (self.shift - 1) * u) for u in uniform]


@dataclass(frozen=True, kw_only=True)
class UniformLogSNR:
    """log-SNR equidistant between its value at the noise end (at least `low`) and `high`, then a step to 0. Lu et al.
    2022."""

    low: float = -10.0
    high: float = 10.0

    def times(self, process: Process, steps: int) -> list[float]:
        first, last = _range(process, self.low, self.high)
        return _through(process, [first + (last - first) * k / max(steps - 1, 1) for k in range(steps)])


@dataclass(frozen=True, kw_only=True)
class Karras:
    """(sigma / alpha)^(1/rho) equidistant between its value at the noise end (at most `sigma_max`) and `sigma_min`,
    then a step to 0. Karras et al. 2022, equation 5."""

    sigma_min: Positive = 0.002
    sigma_max: Positive = 80.0
    rho: Positive = 7.0

    def times(self, process: Process, steps: int) -> list[float]:
        low, high = _range(process, -2 * math.log(self.sigma_max), -2 * math.log(self.sigma_min))
        start, end = (math.exp(-value / 2) ** (1 / self.rho) for value in (low, high))
        sigmas = [(start + (end - start) * k / max(steps - 1, 1)) ** self.rho for k in range(steps)]
        return _through(process, [-2 * math.log(sigma) for sigma in sigmas])


@dataclass(frozen=True, kw_only=True)
class Through:
    """The times `points`, from 1 to 0; with another number of steps, interpolated between them."""

    points: tuple[float, ...] = (1.0, 0.0)

    def __post_init__(self) -> None:
        falling = all(s < t for t, s in pairwise(self.points))
        if len(self.points) < 2 or self.points[0] != 1 or self.points[-1] != 0 or not falling:
            raise InputError(f"a grid through {self.points}: give falling times from 1 to 0, such as (1.0, 0.5, 0.0)")

    def times(self, process: Process, steps: int) -> list[float]:
        last, times = len(self.points) - 1, []
        for k in range(steps + 1):
            whole, part = divmod(k * last, steps)
            ahead = self.points[min(whole + 1, last)] - self.points[whole]
            times.append(self.points[whole] + ahead * part / steps)
        return times


def _range(process: Process, low: float, high: float) -> tuple[float, float]:
    """The log-SNR range [low, high] cut to what the process has: at t = 1, and for a chain at its first step."""
    first = 1 / process.chain.steps if isinstance(process, Tabulated) else 0.0
    ends = log_snr(process, torch.tensor([1.0, first], dtype=torch.float64)).tolist()
    return max(low, ends[0]), min(high, ends[1])


def _through(process: Process, log_snrs: list[float]) -> list[float]:
    """Times of falling noise through the given log-SNRs; the first is the noise end itself."""
    times = time_of_log_snr(process, torch.tensor(log_snrs, dtype=torch.float64)).tolist()
    return [1.0, *times[1:], 0.0]
