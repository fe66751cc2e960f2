"""Where in time training looks: densities over t, each given by its quantile function, so that one uniform number
(independent, or of a sequence that is spread evenly) is all the randomness that any of them needs."""

import math
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from debruit.diffusion.process import Process, time_of_log_snr
from debruit.ranges import NotNegative, ShareBelowOne, Steps


@runtime_checkable
class Density(Protocol):
    """quantile(u, process): the t below which the mass u lies; u in (0, 1), float64, any shape."""

    def quantile(self, u: Tensor, process: Process) -> Tensor: ...


@dataclass(frozen=True, kw_only=True)
class UniformSteps:
    """t = i / T, i ~ U{1..T}: algorithm 1 of the DDPM paper."""

    steps: Steps = 1000

    def quantile(self, u: Tensor, process: Process) -> Tensor:
        return ((u * self.steps).floor() + 1).clamp(max=self.steps) / self.steps


@dataclass(frozen=True, kw_only=True)
class UniformTime:
    """t ~ U(t_min, 1)."""

    t_min: ShareBelowOne = 1e-4

    def quantile(self, u: Tensor, process: Process) -> Tensor:
        return self.t_min + (1 - self.t_min) * u


@dataclass(frozen=True, kw_only=True)
class LogitNormal:
    """logit(t) ~ N(mean, std^2): the middle of the path. Esser et al. 2024, section 3.1."""

    mean: float = 0.0
    std: NotNegative = 1.0

    def quantile(self, u: Tensor, process: Process) -> Tensor:
        return torch.sigmoid(self.mean + self.std * normal_quantile(u))


@dataclass(frozen=True, kw_only=True)
class LogNormalSigma:
    """log(sigma / alpha) ~ N(mean, std^2), for any process. Karras et al. 2022, table 1."""

    mean: float = -1.2
    std: NotNegative = 1.2

    def quantile(self, u: Tensor, process: Process) -> Tensor:
        return time_of_log_snr(process, -2 * (self.mean + self.std * normal_quantile(u))).clamp(1e-6, 1)


def normal_quantile(u: Tensor) -> Tensor:
    """The inverse of the standard normal's distribution function."""
    return math.sqrt(2) * torch.erfinv((2 * u - 1).clamp(-1 + 1e-12, 1 - 1e-12))
