"""Any Gaussian process as the lecture's chain.

A chain model has its own. A process in continuous time, x_t = alpha x_0 + sigma eps, becomes variance preserving when
divided by its scale sqrt(alpha^2 + sigma^2): x_t / scale = sqrt(abar) x_0 + sqrt(1 - abar) eps with abar = alpha^2 /
(alpha^2 + sigma^2). At T + 1 times that is a chain with beta_i = 1 - abar_i / abar_{i-1}, and every formula of the
lecture holds for it exactly (the posterior does not change under scaling: Kingma et al. 2021, section 3). What is
chosen here are its T and its times; a model trained in continuous time knows neither, so the bound of this chain is
that of one discretisation of the model, and not its ODE likelihood.
"""

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from debruit.diffusion.chain import Chain
from debruit.diffusion.process import Process, time_of_log_snr
from debruit.diffusion.processes.tabulated import Tabulated

STEPS = 200  # of a chain made from continuous time: algorithm 2 costs as many evaluations
FIRST_BETA = 1e-4  # 1 - abar_1, as in the DDPM paper: noise of about one grey level of 256


@dataclass(frozen=True, kw_only=True)
class ProcessSchedule:
    """Variances of the chain that a process in continuous time becomes at `times(steps)`."""

    process: Process

    def times(self, steps: int) -> Tensor:
        """t_0..t_T, float64, (T + 1,): 0, the time where abar is 1 - FIRST_BETA, and from there equidistant to 1. Of a
        single step, 0 and 1.

        Equidistant in log-SNR would make the sum of L_{i-1} a little smaller, but more than a third of such a chain
        would be noise that is hardly visible.
        """
        snr = torch.tensor((1 - FIRST_BETA) / FIRST_BETA, dtype=torch.float64)
        first = float(time_of_log_snr(self.process, snr.log()))
        later = torch.linspace(first if steps > 1 else 1, 1, steps, dtype=torch.float64)
        return torch.cat([torch.zeros(1, dtype=torch.float64), later])

    def betas(self, steps: int) -> Tensor:
        """beta_1..beta_T, float64, (T,)."""
        times = self.times(steps)
        alpha2, sigma2 = self.process.alpha(times) ** 2, self.process.sigma(times) ** 2
        abar = alpha2 / (alpha2 + sigma2)
        return 1 - abar[1:] / abar[:-1]


@dataclass(frozen=True, kw_only=True)
class ModelChain:
    """The chain of a process, with the time and scale of each step in the process. `own`: the process is that chain."""

    process: Process
    chain: Chain
    own: bool

    @cached_property
    def times(self) -> Tensor:
        """t_0..t_T, float64, (T + 1,)."""
        if isinstance(self.chain.schedule, ProcessSchedule):
            return self.chain.schedule.times(self.chain.steps)
        return torch.arange(self.chain.steps + 1, dtype=torch.float64) / self.chain.steps

    @cached_property
    def scale(self) -> Tensor:
        """sqrt(alpha^2 + sigma^2) at these times, (T + 1,): x of the process = scale x of the chain."""
        return (self.process.alpha(self.times) ** 2 + self.process.sigma(self.times) ** 2).sqrt()


def chain_of(process: Process, steps: int | None = None) -> ModelChain:
    """Return a chain model's own chain, or the chain of `steps` (None: STEPS) of a process in continuous time."""
    if isinstance(process, Tabulated):
        return ModelChain(process=process, chain=process.chain, own=True)
    return ModelChain(
        process=process, chain=Chain(schedule=ProcessSchedule(process=process), steps=steps or STEPS), own=False
    )


@dataclass(frozen=True, kw_only=True)
class Respaced:
    """Variances of the chain of the steps `chosen` of another: beta'_j = 1 - abar_i / abar_{i'}, i = chosen_j and i' =
    chosen_{j-1}, so that abar'_j = abar_i. Nichol & Dhariwal 2021, section 4 (https://arxiv.org/abs/2102.09672).
    """

    chain: Chain
    chosen: tuple[int, ...]

    def betas(self, steps: int) -> Tensor:
        """beta'_1..beta'_J, float64, (J,)."""
        abar = self.chain.abar[[0, *self.chosen]]
        return 1 - abar[1:] / abar[:-1]


def respaced(chain: Chain, steps: int | None) -> tuple[Chain, list[int]]:
    """Return the chain of at most `steps` steps of `chain` (None: itself), with the step of `chain` at each of its
    steps, from 0: (J + 1,)."""
    if steps is None or steps >= chain.steps:
        return chain, list(range(chain.steps + 1))
    chosen = shown_steps(chain.steps, steps) if steps > 1 else [chain.steps]
    return Chain(schedule=Respaced(chain=chain, chosen=tuple(chosen)), steps=len(chosen)), [0, *chosen]


def shown_steps(steps: int, count: int) -> list[int]:
    """Return at most `count` steps of 1..T, including both ends, as equidistant as integers can be."""
    return sorted({round(i) for i in torch.linspace(1, steps, min(count, steps)).tolist()})
