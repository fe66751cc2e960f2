"""The chain one step at a time against its closed form.

    x_i = sqrt(1 - beta_i) x_{i-1} + sqrt(beta_i) z_i, i = 1..t          Chain.q_step, t times
    x_t ~ N(sqrt(abar_t) x_0, (1 - abar_t) I)                             Chain.q, once

The chain is linear: a walker that starts at x_0 is one that starts at 0 with the same noise, shifted by x_0 prod sqrt(1
- beta_i). So one walk from 0, and one from 1 without noise, give the walk from every value of every pixel.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from debruit.diffusion.chain import Chain
from debruit.rng import Purpose, stream

WALKERS = 1500


@dataclass(frozen=True, kw_only=True)
class Walk:
    """At each of K steps: `walkers` (K, N) that started at 0, and `signal` (K,), the path of 1 without noise; the
    closed form has mean `mean` x_0 and variance `variance`, (K,). float64.
    """

    steps: list[int]
    walkers: Tensor
    signal: Tensor
    mean: Tensor
    variance: Tensor

    def started_at(self, x0: float) -> Tensor:
        """Return the walkers of a pixel of value x0, (K, N)."""
        return self.walkers + self.signal[:, None] * x0


def walk(chain: Chain, steps: list[int], *, walkers: int = WALKERS, seed: int = 0) -> Walk:
    """Walk all T steps and keep the rows of `steps`, without network evaluations."""
    noise, shown = stream(Purpose.WALK, seed), sorted(set(steps))
    x, signal = torch.zeros(walkers, dtype=torch.float64), torch.ones((), dtype=torch.float64)
    rows, signals = [], []
    for i in range(1, max(steps) + 1):
        x = chain.q_step(x, i).sample(noise.normal((walkers,)).double())
        signal = chain.q_step(signal, i).mean
        if i in shown:
            rows.append(x)
            signals.append(signal)
    return Walk(
        steps=shown,
        walkers=torch.stack(rows),
        signal=torch.stack(signals),
        mean=chain.abar[shown].sqrt(),
        variance=1 - chain.abar[shown],
    )
