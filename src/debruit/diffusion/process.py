"""A Gaussian process is two functions, x_t = alpha(t) x_0 + sigma(t) eps; everything else about it is derived here.

    SNR(t) = alpha^2 / sigma^2                      log-SNR lambda(t) = 2 log(alpha / sigma), falling
    dx = f(t) x dt + g(t) dw                        f = alpha' / alpha,  g^2 = 2 sigma sigma' - 2 f sigma^2
                                                    (Song et al. 2021; Kingma et al. 2021, appendix)
Times are float64; derivatives are exact (forward-mode automatic differentiation), never a second table.
"""

import threading
from functools import cached_property
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

FORWARD_MODE = threading.RLock()  # torch's forward mode belongs to the whole process, not to a thread


@runtime_checkable
class Process(Protocol):
    """alpha(t) and sigma(t) for t in [0, 1], elementwise; alpha(0) = 1, sigma(0) = 0, and the SNR falls strictly."""

    def alpha(self, t: Tensor) -> Tensor: ...
    def sigma(self, t: Tensor) -> Tensor: ...


class Coefficients:
    """A process at times t: alpha, sigma, their derivatives, and the standard deviation of the data (for
    preconditioning)."""

    def __init__(self, process: Process, t: Tensor, data_std: float = 1.0) -> None:
        self.process, self.t, self.data_std = process, t, data_std

    @cached_property
    def alpha(self) -> Tensor:
        return self.process.alpha(self.t)

    @cached_property
    def sigma(self) -> Tensor:
        return self.process.sigma(self.t)

    @cached_property
    def d_alpha(self) -> Tensor:
        return derivative(self.process.alpha, self.t)

    @cached_property
    def d_sigma(self) -> Tensor:
        return derivative(self.process.sigma, self.t)

    @property
    def snr(self) -> Tensor:
        return (self.alpha / self.sigma) ** 2


def derivative(function, t: Tensor) -> Tensor:
    """d function / dt of an elementwise function, at t."""
    t = t.clone()  # forward mode refuses expanded tensors
    with FORWARD_MODE:
        return torch.func.jvp(function, (t,), (torch.ones_like(t),))[1]


def log_snr(process: Process, t: Tensor) -> Tensor:
    """lambda(t) = log(alpha^2 / sigma^2)."""
    return 2 * (process.alpha(t).log() - process.sigma(t).log())


def drift(process: Process, t: Tensor) -> Tensor:
    """f(t) of the forward SDE."""
    return derivative(process.alpha, t) / process.alpha(t)


def squared_diffusion(process: Process, t: Tensor) -> Tensor:
    """g(t)^2 of the forward SDE."""
    sigma = process.sigma(t)
    return 2 * sigma * derivative(process.sigma, t) - 2 * drift(process, t) * sigma**2


def time_of_log_snr(process: Process, log_snr_value: Tensor) -> Tensor:
    """The t at which lambda(t) has the given value (clamped to [0, 1]), by bisection to float64 accuracy."""
    low = torch.zeros_like(log_snr_value, dtype=torch.float64)
    high = torch.ones_like(low)
    for _ in range(60):
        middle = (low + high) / 2
        too_clean = log_snr(process, middle) > log_snr_value
        low, high = torch.where(too_clean, middle, low), torch.where(too_clean, high, middle)
    return (low + high) / 2


def expand(coefficient: Tensor, like: Tensor) -> Tensor:
    """A () or (B,) coefficient in the dtype of `like`, shaped to multiply it: (B, 1, ...)."""
    coefficient = coefficient.to(device=like.device, dtype=like.dtype)
    return coefficient.reshape(-1, *[1] * (like.ndim - 1)) if coefficient.ndim else coefficient
