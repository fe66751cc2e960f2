"""Schedules compared: beta, abar, the signal-to-noise ratio abar / (1 - abar), the signal left, sqrt(abar), and x_t.

They are every schedule of diffusion/chain.py, and every process in diffusion/processes/ as a chain of as many steps
(chains.py).
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from debruit.diffusion.chain import Chain, Schedule
from debruit.diffusion.process import Process
from debruit.diffusion.processes.tabulated import Tabulated
from debruit.lecture.chains import ModelChain, chain_of
from debruit.lecture.study import Study
from debruit.seams import with_defaults

LENGTH = 1000  # T of the compared chains: the variances of steps are comparable only at one T
POINTS = 100  # of each curve
STRIP = 9  # frames of the image along each chain


@dataclass(frozen=True, kw_only=True)
class Curve:
    """One schedule at the times t = i / T of the points: beta, abar (P,), float64.

    `images` (9, C, H, W) are x_i of the image at t = 0, 1/8, ..., 1, all with one noise. `model` marks the model's own.
    """

    name: str
    steps: int
    t: Tensor
    beta: Tensor
    abar: Tensor
    images: Tensor
    model: bool

    @property
    def snr(self) -> Tensor:
        """abar / (1 - abar), (P,)."""
        return self.abar / (1 - self.abar)

    @property
    def signal(self) -> Tensor:
        """sqrt(abar), (P,)."""
        return self.abar.sqrt()


def schedules(study: Study) -> list[Curve]:
    """Return the curves of every schedule and process, and of the model's own, without network evaluations."""
    own = study.chain
    known = {name: ModelChain(process=Tabulated(chain=c), chain=c, own=True) for name, c in _chains().items()}
    known |= {name: chain_of(process, LENGTH) for name, process in _processes().items()}
    same = [name for name, other in known.items() if _same(other, own)]
    if not same:
        label = type(own.chain.schedule).__name__ if own.own else type(own.process).__name__
        known = {f"{label} *": own if own.own else chain_of(own.process, LENGTH)} | known
        same = [f"{label} *"]
    return [_curve(name, other, study, name == same[0]) for name, other in known.items()]


def _curve(name: str, chain: ModelChain, study: Study, model: bool) -> Curve:
    table, steps = chain.chain, chain.chain.steps
    points = sorted({max(1, round(steps * k / POINTS)) for k in range(1, POINTS + 1)})
    strip_steps = [round(steps * k / (STRIP - 1)) for k in range(STRIP)]
    x0 = study.x0.cpu().expand(STRIP, *study.x0.shape[1:])
    return Curve(
        name=name,
        steps=steps,
        t=chain.times[points],
        beta=table.beta[points],
        abar=table.abar[points],
        images=table.q(x0, torch.tensor(strip_steps)).sample(study.noise()().cpu()),
        model=model,
    )


def _chains() -> dict[str, Chain]:
    return {name: Chain(schedule=schedule, steps=LENGTH) for name, schedule in with_defaults(Schedule).items()}


def _processes() -> dict[str, Process]:
    return {name: one for name, one in with_defaults(Process).items() if type(one) is not Tabulated}


def _same(a: ModelChain, b: ModelChain) -> bool:
    return a.chain == b.chain if b.own else a.process == b.process
