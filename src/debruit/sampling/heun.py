"""Heun's method, with churn."""

import math
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from debruit.diffusion.prediction import Estimate
from debruit.diffusion.process import Process, time_of_log_snr
from debruit.errors import InputError
from debruit.ranges import NotNegative
from debruit.sampling.sampler import Denoise, Level, Noise, Sampler, level, transition


@dataclass(frozen=True, kw_only=True)
class Heun(Sampler):
    """The trapezoidal rule on the probability-flow ODE:

        z_s = z_t + (r_s - r_t) (f(z_t, r_t) + f(z_s', r_s)) / 2,   z_s' the Euler step,   z = x / c

    Every Gaussian process is a straight line after scaling, so the rule is applied there. In "flow" coordinates, c =
    alpha + sigma, z moves from x_0 to eps as r = sigma / (alpha + sigma) goes from 0 to 1, with slope f = eps_hat -
    x0_hat, finite at both ends of any process; in "sigma" coordinates, those of EDM, c = alpha, r = sigma / alpha, f =
    eps_hat, and alpha may not be 0. `churn` > 0 (the paper's gamma, S_churn / N, at most sqrt(2) - 1) first adds fresh
    noise, which raises sigma / alpha by the factor 1 + churn, while it lies in the given range. Costs two evaluations
    per step, one for the last, to sigma = 0.

    Karras et al. 2022 (EDM), algorithms 1 and 2, https://arxiv.org/abs/2206.00364
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

    def evaluations(self, steps: int) -> int:
        return 2 * steps - 1

    def step(
        self, denoise: Denoise, process: Process, x_t: Tensor, t: float, s: float, state: Any, noise: Noise
    ) -> tuple[Tensor, Any]:
        if self.churn > 0:
            x_t, t = self._churn(process, x_t, t, noise)
        at_t, at_s = level(process, t), level(process, s)
        if self._c(at_t) == 0:
            raise InputError(
                f'Heun in "sigma" coordinates needs alpha > 0, and alpha({t:g}) is 0 here: set coordinates=flow'
            )
        estimate = denoise(x_t, t)
        euler = at_s.alpha * estimate.x0 + at_s.sigma * estimate.eps
        if at_s.sigma == 0:
            return euler, state
        slope = (self._slope(estimate) + self._slope(denoise(euler, s))) / 2
        return self._c(at_s) * (x_t / self._c(at_t) + (self._r(at_s) - self._r(at_t)) * slope), state

    def _c(self, at: Level) -> float:
        return at.alpha + at.sigma if self.coordinates == "flow" else at.alpha

    def _r(self, at: Level) -> float:
        return at.sigma / self._c(at)

    def _slope(self, estimate: Estimate) -> Tensor:
        return estimate.eps - estimate.x0 if self.coordinates == "flow" else estimate.eps

    def _churn(self, process: Process, x_t: Tensor, t: float, noise: Noise) -> tuple[Tensor, float]:
        """The process run forwards from t to the time t_hat at which sigma / alpha is (1 + gamma) times as large:
        (x_t_hat, t_hat)."""
        alpha_t, sigma_t = level(process, t)
        ratio = sigma_t / alpha_t if alpha_t > 0 else math.inf
        if not self.churn_min <= ratio <= self.churn_max:
            return x_t, t
        log_snr = -2 * math.log(ratio * (1 + self.churn))
        t_hat = float(time_of_log_snr(process, torch.tensor(log_snr, dtype=torch.float64)))
        q = transition(process, t_hat, t)
        return q.alpha * x_t + q.variance**0.5 * self.noise_scale * noise(), t_hat
