"""Heun's method, with churn."""

import math
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch

from debruit.diffusion.process import time_of_log_snr
from debruit.errors import InputError
from debruit.ranges import NotNegative
from debruit.sampling.sampler import Level, level, transition


@dataclass(frozen=True, kw_only=True)
class Heun:
    """The trapezoidal rule on the probability-flow ODE (Karras et al. 2022, algorithms 1 and 2).

    Every Gaussian process is a straight line after scaling, so the rule is applied there. In "flow" coordinates x / (alpha + sigma) moves
    from x_0 to eps as r = sigma / (alpha + sigma) goes from 0 to 1, with slope eps^ - x_0^, finite at both ends of any process; in
    "sigma" coordinates, those of EDM, x / alpha has slope eps^ in r = sigma / alpha, and alpha may not be 0. `churn` > 0 (the paper's gamma,
    S_churn / N, at most sqrt(2) - 1) first adds fresh noise, raising sigma / alpha by the factor 1 + churn, while it lies in the given range.
    Costs two evaluations a step, one for the last, which ends at sigma = 0.
    """

    order: ClassVar[int] = 2
    coordinates: Literal["flow", "sigma"] = "flow"
    churn: float = 0.0
    churn_min: NotNegative = 0.05
    churn_max: NotNegative = 50.0
    noise_scale: NotNegative = 1.003

    def __post_init__(self) -> None:
        if not 0 <= self.churn <= 2**0.5 - 1:
            raise InputError(
                f"churn={self.churn:g}: give 0 to 0.414; it is the share by which each step first raises the noise"
            )

    @property
    def stochastic(self) -> bool:
        return self.churn > 0

    def init(self, x):
        return None

    def evaluations(self, steps: int) -> int:
        return 2 * steps - 1

    def step(self, denoise, process, x, t, s, state, noise):
        if self.churn > 0:
            x, t = self._churn(process, x, t, noise)
        here, there = level(process, t), level(process, s)
        if self._scale(here) == 0:
            raise InputError(
                f'Heun in "sigma" coordinates needs alpha > 0, and alpha({t:g}) is 0 here: set coordinates=flow'
            )
        found = denoise(x, t)
        euler = there.alpha * found.x0 + there.sigma * found.eps
        if there.sigma == 0:
            return euler, state
        ahead = denoise(euler, s)
        slope = (self._slope(found) + self._slope(ahead)) / 2
        change = self._place(there) - self._place(here)
        return self._scale(there) * (x / self._scale(here) + change * slope), state

    def _scale(self, at: Level) -> float:
        return at.alpha + at.sigma if self.coordinates == "flow" else at.alpha

    def _place(self, at: Level) -> float:
        return at.sigma / self._scale(at)

    def _slope(self, found):
        return found.eps - found.x0 if self.coordinates == "flow" else found.eps

    def _churn(self, process, x, t, noise):
        """More noise than t has: the process run forwards from t to the time where sigma / alpha is (1 + gamma) times as large."""
        now = level(process, t)
        ratio = now.sigma / now.alpha if now.alpha > 0 else math.inf
        if not self.churn_min <= ratio <= self.churn_max:
            return x, t
        log_snr = -2 * math.log(ratio * (1 + self.churn))
        raised = float(time_of_log_snr(process, torch.tensor(log_snr, dtype=torch.float64)))
        forward = transition(process, raised, t)
        return forward.alpha * x + forward.variance**0.5 * self.noise_scale * noise(), raised
