"""A discrete chain as a process in continuous time."""

from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Tensor

from debruit.diffusion.chain import Chain


@dataclass(frozen=True, kw_only=True)
class Tabulated:
    """The chain's distribution at t = i / T exactly, and between two steps the log-SNR interpolated linearly.

    Where an end of the interval has no finite log-SNR: below the first step sigma^2 grows linearly from 0, and in the
    last interval of a chain with zero terminal SNR alpha falls linearly to 0.
    """

    chain: Chain = field(default_factory=Chain)

    @cached_property
    @torch.inference_mode(False)  # kept, and so for a backward pass, too
    def _log_snr(self) -> Tensor:
        """lambda_0..lambda_T with its infinite ends clamped (they are never interpolated)."""
        abar = self.chain.abar
        return (abar / (1 - abar)).log().nan_to_num(posinf=100.0, neginf=-100.0)

    def alpha(self, t: Tensor) -> Tensor:
        k, w, lam = self._locate(t)
        abar = self.chain.abar.to(t.device)
        first = torch.sqrt(1 - w * (1 - abar[1]))
        last = (1 - w) * abar[-2].sqrt()
        ends_at_zero = (k == self.chain.steps - 1) & (abar[-1] == 0)
        return torch.where(ends_at_zero, last, torch.where(k == 0, first, torch.sigmoid(lam).sqrt()))

    def sigma(self, t: Tensor) -> Tensor:
        k, w, lam = self._locate(t)
        abar = self.chain.abar.to(t.device)
        first = torch.sqrt(w * (1 - abar[1]))
        last = torch.sqrt(1 - (1 - w) ** 2 * abar[-2])
        ends_at_zero = (k == self.chain.steps - 1) & (abar[-1] == 0)
        return torch.where(ends_at_zero, last, torch.where(k == 0, first, torch.sigmoid(-lam).sqrt()))

    def _locate(self, t: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The interval k (from step k to k + 1), the position w in [0, 1] inside it, and the interpolated log-SNR."""
        i = t.double() * self.chain.steps
        k = i.detach().floor().clamp(0, self.chain.steps - 1).long()
        w = i - k
        table = self._log_snr.to(t.device)
        return k, w, table[k] * (1 - w) + table[k + 1] * w
