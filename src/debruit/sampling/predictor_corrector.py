"""Predictor-corrector sampling: the reverse SDE, then Langevin steps at the new noise level."""

from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor

from debruit.diffusion.process import Process
from debruit.ranges import NotNegative, Repeats
from debruit.sampling.sampler import Denoise, Noise, Sampler, level, transition


@dataclass(frozen=True, kw_only=True)
class PredictorCorrector(Sampler):
    """An ancestral predictor, then `corrections` Langevin steps x <- x + e score + sqrt(2 e) z at s, with e = 2 (r
    sigma_s)^2, r = `signal_to_noise`, and score = -eps_hat / sigma_s.

    In the paper e comes from the norms of the batch's noise and score; here from their expectation, ||z|| sigma_s =
    ||z|| / ||score||, so that no image influences another. The order is 0: for Gaussian data of variance V, Langevin
    steps of one size settle at 1 / (1 - e / (2 V)) times that variance, however many steps the grid has; this bias
    vanishes as sigma goes to 0. Costs 1 + corrections evaluations per step; the last step has no correction.

    Song et al. 2021, algorithms 2 to 5, https://arxiv.org/abs/2011.13456
    """

    order: ClassVar[int] = 0
    stochastic: ClassVar[bool] = True
    corrections: Repeats = 1
    signal_to_noise: NotNegative = 0.16

    def evaluations(self, steps: int) -> int:
        return steps + self.corrections * (steps - 1)

    def step(
        self, denoise: Denoise, process: Process, x_t: Tensor, t: float, s: float, state: Any, noise: Noise
    ) -> tuple[Tensor, Any]:
        q = transition(process, t, s)
        x_s = q.posterior_mean(denoise(x_t, t).x0, x_t)
        if s == 0:
            return x_s, state
        x_s = x_s + q.posterior_variance**0.5 * noise()
        sigma_s = level(process, s).sigma
        e = 2 * (self.signal_to_noise * sigma_s) ** 2
        for _ in range(self.corrections):
            score = -denoise(x_s, s).eps / sigma_s
            x_s = x_s + e * score + (2 * e) ** 0.5 * noise()
        return x_s, state
