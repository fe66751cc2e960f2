"""Predictor-corrector sampling: the reverse SDE, then Langevin steps at the new noise level."""

from dataclasses import dataclass
from typing import ClassVar

from debruit.ranges import NotNegative, Repeats
from debruit.sampling.sampler import level, transition


@dataclass(frozen=True, kw_only=True)
class PredictorCorrector:
    """An ancestral predictor, then `corrections` Langevin steps x + e score + sqrt(2 e) z at s, with e = 2 (r sigma_s)^2 where r is
    `signal_to_noise`. Song et al. 2021, algorithms 2 to 5.

    There e comes from the norms of the batch's noise and score; their expectation, ||z|| sigma_s = ||z|| / ||score||, stands here, so that no
    image influences another. The order is 0: Langevin steps of one size settle (for Gaussian data) at 1 / (1 - e / (2 V)) times the true variance V,
    however many steps the grid has; as sigma goes to 0, so does this bias. Costs 1 + corrections evaluations a step; no correction after the last.
    """

    order: ClassVar[int] = 0
    stochastic: ClassVar[bool] = True
    corrections: Repeats = 1
    signal_to_noise: NotNegative = 0.16

    def init(self, x):
        return None

    def evaluations(self, steps: int) -> int:
        return steps + self.corrections * (steps - 1)

    def step(self, denoise, process, x, t, s, state, noise):
        between = transition(process, t, s)
        x = between.posterior_mean(denoise(x, t).x0, x)
        if s == 0:
            return x, state
        x = x + between.posterior_variance**0.5 * noise()
        sigma = level(process, s).sigma
        size = 2 * (self.signal_to_noise * sigma) ** 2
        for _ in range(self.corrections):
            score = -denoise(x, s).eps / sigma
            x = x + size * score + (2 * size) ** 0.5 * noise()
        return x, state
