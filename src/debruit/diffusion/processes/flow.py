"""The straight path between data and noise."""

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Flow:
    """alpha = 1 - t, sigma = t: rectified flow. Liu et al. 2023; Lipman et al. 2023 (their time runs from noise to
    data)."""

    def alpha(self, t: Tensor) -> Tensor:
        return 1 - t

    def sigma(self, t: Tensor) -> Tensor:
        return t * 1
