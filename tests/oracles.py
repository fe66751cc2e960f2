"""Data whose denoiser is known exactly: a Gaussian and a mixture of two; and what the tests of the mathematics quantify
over.

x_0 ~ N(m, s^2) has x_t ~ N(alpha m, V), V = alpha^2 s^2 + sigma^2, E[eps | x_t] = sigma (x_t - alpha m) / V. In one
dimension the probability-flow ODE keeps quantiles, so its exact solution is known for every law whose distribution
function is.
"""

from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise

import torch
from torch import Tensor

from debruit.diffusion.chain import Chain, Schedule
from debruit.diffusion.chain import Cosine as CosineSchedule
from debruit.diffusion.prediction import Estimate
from debruit.diffusion.process import Process, time_of_log_snr
from debruit.diffusion.processes.tabulated import Tabulated
from debruit.sampling.sampler import Sampler, level
from debruit.seams import implementations

F64 = torch.float64


@dataclass(frozen=True)
class Remembered:
    """A process that keeps what it computed at single times, so that tests do not wait for the tables of a chain."""

    process: Process
    known: dict = field(default_factory=dict)

    def alpha(self, t: Tensor) -> Tensor:
        return self._ask("alpha", t)

    def sigma(self, t: Tensor) -> Tensor:
        return self._ask("sigma", t)

    def _ask(self, name: str, t: Tensor) -> Tensor:
        if t.ndim or torch._C._functorch.is_gradtrackingtensor(t):
            return getattr(self.process, name)(t)
        key = (name, float(t))
        if key not in self.known:
            self.known[key] = getattr(self.process, name)(t)
        return self.known[key]


CHAINS = {
    f"{name}{'-zero-snr' * zero}": Chain(schedule=schedule(), zero_terminal_snr=zero)
    for name, schedule in implementations(Schedule).items()
    for zero in (False, True)
}
PROCESSES: dict[str, Process] = {name: cls() for name, cls in implementations(Process).items()} | {
    "Tabulated-zero-snr": Tabulated(chain=Chain(zero_terminal_snr=True)),
    "Tabulated-cosine-60": Tabulated(chain=Chain(schedule=CosineSchedule(), steps=60)),
}
REMEMBERED = {name: Remembered(process) for name, process in PROCESSES.items()}
SAMPLERS: dict[str, Sampler] = {name: cls() for name, cls in implementations(Sampler).items()}


@dataclass
class Mixture:
    """The exact denoiser of a mixture of Gaussians, value by value; one component is a Gaussian. Counts its calls."""

    process: Process
    weights: tuple[float, ...] = (0.3, 0.7)
    means: tuple[float, ...] = (-0.6, 0.5)
    stds: tuple[float, ...] = (0.15, 0.2)
    calls: int = 0
    known: dict = field(default_factory=dict)

    def parts(self, t: float) -> tuple[Tensor, Tensor, Tensor]:
        """Weight, mean and variance of each component at time t, (K,)."""
        if t not in self.known:
            at = level(self.process, t)
            weights, means, stds = (torch.tensor(p, dtype=F64) for p in (self.weights, self.means, self.stds))
            self.known[t] = weights, at.alpha * means, (at.alpha * stds) ** 2 + at.sigma**2
        return self.known[t]

    def __call__(self, x: Tensor, t: float) -> Estimate:
        self.calls += 1
        at, (weights, means, variances) = level(self.process, t), self.parts(t)
        away = x.double()[..., None] - means
        belief = torch.softmax(weights.log() - 0.5 * variances.log() - away**2 / (2 * variances), dim=-1)
        eps = at.sigma * (belief * away / variances).sum(-1)
        inside = (
            torch.tensor(self.means, dtype=F64) + at.alpha * torch.tensor(self.stds, dtype=F64) ** 2 * away / variances
        )
        x0 = (belief * inside).sum(-1)
        return Estimate(x0.to(x.dtype), eps.to(x.dtype), torch.full_like(x, 0.5))

    def below(self, x: Tensor, t: float) -> Tensor:
        """The distribution function of x_t."""
        weights, means, variances = self.parts(t)
        return (weights * torch.special.ndtr((x[..., None] - means) / variances.sqrt())).sum(-1)

    def flow(self, x: Tensor, t: float, s: float) -> Tensor:
        """Where the probability-flow ODE takes x from t to s: the same quantile, by bisection."""
        wanted = self.below(x, t)
        low, high = torch.full_like(x, -100.0), torch.full_like(x, 100.0)
        for _ in range(80):
            middle = (low + high) / 2
            above = self.below(middle, s) > wanted
            low, high = torch.where(above, low, middle), torch.where(above, middle, high)
        return (low + high) / 2


def gaussian(process: Process, mean: float = 0.3, std: float = 0.5) -> Mixture:
    """The exact denoiser of N(mean, std^2): affine in x."""
    return Mixture(process, (1.0,), (mean,), (std,))


@dataclass(frozen=True)
class Quiet:
    """noise() of a sampler that must not ask for any."""

    def __call__(self) -> Tensor:
        raise AssertionError("a deterministic sampler drew noise")


def sample(denoise, process: Process, sampler: Sampler, x: Tensor, times: list[float], noise=None) -> Tensor:
    """The end of a trajectory."""
    state = None
    for t, s in pairwise(times):
        x, state = sampler.step(denoise, process, x, t, s, state, noise or Quiet())
    return x


@dataclass
class Affine:
    """What a sampler does to Gaussian data: its denoiser is affine, so x_s = offset + response x_t + sum_k c_k z_k.
    Exactly, from the responses to unit impulses: image 0 gets nothing, image 1 a unit of x, image 2 + k a unit of the
    k-th draw of noise."""

    oracle: Mixture
    sampler: Sampler
    times: list[float]
    draws_per_step: int = 3
    draws: int = 0

    @cached_property
    def _ends(self) -> Tensor:
        rows = 2 + self.draws_per_step * len(self.times)
        x = torch.zeros(rows, 1, dtype=F64)
        x[1] = 1

        def impulse() -> Tensor:
            self.draws += 1
            z = torch.zeros(rows, 1, dtype=F64)
            z[1 + self.draws] = 1
            return z

        return sample(self.oracle, self.oracle.process, self.sampler, x, self.times, impulse)[:, 0]

    def moments(self, mean: float, variance: float) -> tuple[float, float]:
        """Mean and variance at the end, from those at the start."""
        offset, response, noise = self._ends[0], self._ends[1] - self._ends[0], self._ends[2:] - self._ends[0]
        return float(offset + response * mean), float(response**2 * variance + (noise**2).sum())


def log_snr_grid(process: Process, steps: int, start: float = -4.0, end: float = 4.0) -> list[float]:
    """Uniform in log-SNR, away from the singular ends."""
    return time_of_log_snr(process, torch.linspace(start, end, steps + 1, dtype=F64)).tolist()
