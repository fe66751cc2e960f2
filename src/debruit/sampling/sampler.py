"""The protocol of samplers, and the coefficients of a process that all of them use."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, Protocol, runtime_checkable

import torch
from torch import Tensor

from debruit.diffusion.prediction import Estimate
from debruit.diffusion.process import Process
from debruit.seams import spell

Denoise = Callable[[Tensor, float], Estimate]
Noise = Callable[[], Tensor]


@runtime_checkable
class Sampler(Protocol):
    """One step from t to s < t. `order` is the global order of accuracy in the step size, claimed here and measured by
    the tests; `stochastic` samplers draw noise, and for them the order is that of the moments. A new sampler derives
    from this class and writes `order`, `stochastic` and `step`."""

    order: ClassVar[int]

    @property
    def stochastic(self) -> bool: ...

    def step(
        self, denoise: Denoise, process: Process, x_t: Tensor, t: float, s: float, state: Any, noise: Noise
    ) -> tuple[Tensor, Any]:
        """Return x_s, (B, ...), and the state that the next step is given. x_t is (B, ...); `state` is None in the
        first step."""
        ...

    def evaluations(self, steps: int) -> int:
        """Return the number of network evaluations that `steps` steps cost: one per step, unless the sampler says
        otherwise."""
        return steps


def name_of(sampler: Any) -> str:
    """The name of a sampler, or of its class, in flags and tables: its file's, such as "dpmpp_2m"; its class's where it
    is not debruit's own."""
    cls = sampler if isinstance(sampler, type) else type(sampler)
    package, _, file = cls.__module__.rpartition(".")
    return file if package == "debruit.sampling" else cls.__name__


ALIASES = {
    "DPMSolver++": "dpmpp_2m", "DPMSolver++ 2M": "dpmpp_2m", "DPM-Solver++(2M)": "dpmpp_2m", "DPM++ 2M": "dpmpp_2m",
    "DPMSolverMultistep": "dpmpp_2m", "DPMSolver++ 2M SDE": "dpmpp_2m_sde", "DPM++ 2M SDE": "dpmpp_2m_sde",
    "DDPM": "ancestral", "UniPCMultistep": "unipc", "EulerDiscrete": "euler",
    "HeunDiscrete": "heun", "PC": "predictor_corrector",
}  # fmt: skip
spell(Sampler, name_of, ALIASES)


class Level(NamedTuple):
    """alpha and sigma of a process at one time."""

    alpha: float
    sigma: float

    @property
    def half_log_snr(self) -> float:
        """lambda = log(alpha / sigma), as in the papers on DPM-Solver; infinite at the ends."""
        if self.sigma == 0:
            return math.inf
        return math.log(self.alpha / self.sigma) if self.alpha > 0 else -math.inf


def level(process: Process, t: float) -> Level:
    """(alpha_t, sigma_t), computed in float64."""
    time = torch.tensor(t, dtype=torch.float64)
    return Level(float(process.alpha(time)), float(process.sigma(time)))


@dataclass(frozen=True)
class Transition:
    """The process between s < t, and its posterior given x_0 (Kingma et al. 2021, appendix A,
    https://arxiv.org/abs/2107.00630).

    q(x_t | x_s) = N(alpha x_s, variance I)          alpha = alpha_t / alpha_s
                                                     variance = sigma_t^2 - alpha^2 sigma_s^2, beta of a chain
    q(x_s | x_t, x_0) = N(mu, posterior_variance I)  posterior_variance = variance sigma_s^2 / sigma_t^2, its beta~
    """

    at_t: Level
    at_s: Level

    @property
    def alpha(self) -> float:
        return self.at_t.alpha / self.at_s.alpha

    @property
    def variance(self) -> float:
        return max(self.at_t.sigma**2 - (self.alpha * self.at_s.sigma) ** 2, 0.0)

    @property
    def posterior_variance(self) -> float:
        return self.variance * self.at_s.sigma**2 / self.at_t.sigma**2

    def posterior_mean(self, x0: Tensor, x_t: Tensor) -> Tensor:
        """mu = (alpha_s variance x_0 + alpha sigma_s^2 x_t) / sigma_t^2."""
        return (self.at_s.alpha * self.variance * x0 + self.alpha * self.at_s.sigma**2 * x_t) / self.at_t.sigma**2


def transition(process: Process, t: float, s: float) -> Transition:
    """The transition of a process from s to t > s."""
    return Transition(level(process, t), level(process, s))
