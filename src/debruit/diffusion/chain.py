"""The Markov chain of the DDPM (REFERENCE sections 1 and 3; Ho, Jain, Abbeel 2020), in its discrete form.

    beta_i in (0, 1),  alpha_i = 1 - beta_i,  abar_i = alpha_1 ... alpha_i,  abar_0 = 1,  i = 1..T
    q(x_i | x_{i-1}) = N(sqrt(1 - beta_i) x_{i-1}, beta_i I)
    q(x_i | x_0)     = N(sqrt(abar_i) x_0, (1 - abar_i) I)
    q(x_{i-1} | x_i, x_0) = N(mu~_i, beta~_i I)

Every table has T + 1 entries, so that the index is the step: `chain.abar[0]` is 1. Only beta comes from the schedule;
the rest is derived from it. A step i is an int or a (B,) integer tensor, one for each image; images are (B, ...).
"""

import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, Protocol, runtime_checkable

import torch
from torch import Tensor

from debruit.diffusion.gaussian import Gaussian
from debruit.errors import InputError
from debruit.ranges import ChainLength, NotNegative, Share

Variance = Literal["posterior", "beta", "learned"]


def usual_variance(*, learned: bool) -> Variance:
    """Return the variance of the reverse step wherever none is requested: the learned one if the network has learned
    it, else beta~, the variance of q(x_{i-1} | x_i, x_0).
    """
    return "learned" if learned else "posterior"


@runtime_checkable
class Schedule(Protocol):
    """Chooses the variances of the T steps."""

    def betas(self, steps: int) -> Tensor:
        """beta_1..beta_T, float64, of shape (T,)."""
        ...


@dataclass(frozen=True, kw_only=True)
class Linear:
    """beta equidistant from `start` to `end`. DDPM, section 4."""

    start: Share = 1e-4
    end: Share = 0.02

    def betas(self, steps: int) -> Tensor:
        return torch.linspace(self.start, self.end, steps, dtype=torch.float64)


@dataclass(frozen=True, kw_only=True)
class ScaledLinear:
    """sqrt(beta) equidistant: what the LDM code calls "linear". Rombach et al. 2022; the defaults are the faces
    model's."""

    start: Share = 0.0015
    end: Share = 0.0195

    def betas(self, steps: int) -> Tensor:
        return torch.linspace(self.start**0.5, self.end**0.5, steps, dtype=torch.float64) ** 2


@dataclass(frozen=True, kw_only=True)
class Cosine:
    """abar_i = f(i/T) / f(0), f(u) = cos^2((u + s)/(1 + s) pi/2), beta clipped at `max_beta`. Nichol & Dhariwal 2021,
    equation 17."""

    offset: NotNegative = 0.008
    max_beta: Share = 0.999

    def betas(self, steps: int) -> Tensor:
        u = torch.arange(steps + 1, dtype=torch.float64) / steps
        abar = torch.cos((u + self.offset) / (1 + self.offset) * math.pi / 2) ** 2
        return (1 - abar[1:] / abar[:-1]).clamp(max=self.max_beta)


@dataclass(frozen=True, kw_only=True)
class Chain:
    """T steps of a schedule. `zero_terminal_snr` rescales sqrt(abar) so that x_T is pure noise (Lin et al. 2023,
    algorithm 1); then beta_T = 1, and a model of such a chain must not predict eps."""

    schedule: Schedule = field(default_factory=Linear)
    steps: ChainLength = 1000
    zero_terminal_snr: bool = False

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise InputError(f"a chain needs at least 1 step, not {self.steps}")
        if self.zero_terminal_snr and self.steps < 2:
            raise InputError(
                "zero terminal SNR needs a chain of at least 2 steps, not 1: set steps=2 or zero_terminal_snr=false"
            )
        betas = self.schedule.betas(self.steps)
        if not ((betas > 0).all() and (betas[:-1] < 1).all() and betas[-1] <= 1):
            raise InputError(
                f"{self.schedule} gives variances from {betas.min():g} to {betas.max():g}: "
                "all must lie between 0 and 1, and only the last "
                "may be 1; change the schedule's parameters"
            )

    @cached_property
    @torch.inference_mode(False)  # kept, and so for a backward pass, too
    def beta(self) -> Tensor:
        """(T + 1,), float64; entry 0 is 0."""
        beta = self.schedule.betas(self.steps)
        if self.zero_terminal_snr:
            root = torch.cumprod(1 - beta, 0).sqrt()
            root = (root - root[-1]) * root[0] / (root[0] - root[-1])
            abar = torch.cat([torch.ones(1, dtype=torch.float64), root**2])
            beta = 1 - abar[1:] / abar[:-1]
        return torch.cat([torch.zeros(1, dtype=torch.float64), beta])

    @cached_property
    @torch.inference_mode(False)  # kept, and so for a backward pass, too
    def alpha(self) -> Tensor:
        """1 - beta, (T + 1,). This is the DDPM papers' alpha_t; a process's alpha(t) is sqrt(abar)."""
        return 1 - self.beta

    @cached_property
    @torch.inference_mode(False)  # kept, and so for a backward pass, too
    def abar(self) -> Tensor:
        """Signal variance left after i steps, (T + 1,); entry 0 is 1."""
        return torch.cumprod(self.alpha, 0)

    @cached_property
    @torch.inference_mode(False)  # kept, and so for a backward pass, too
    def posterior_beta(self) -> Tensor:
        """beta~_i = (1 - abar_{i-1}) / (1 - abar_i) beta_i, (T + 1,); entries 0 and 1 are 0."""
        tilde = torch.zeros_like(self.beta)
        tilde[1:] = (1 - self.abar[:-1]) / (1 - self.abar[1:]) * self.beta[1:]
        return tilde

    def q_step(self, x: Tensor, i: int | Tensor) -> Gaussian:
        """q(x_i | x_{i-1}): one step. x is x_{i-1}, (B, ...)."""
        return Gaussian(at(self.alpha.sqrt(), i, x) * x, at(self.beta, i, x))

    def q(self, x0: Tensor, i: int | Tensor) -> Gaussian:
        """q(x_i | x_0): i steps at once, by the closed form."""
        return Gaussian(at(self.abar.sqrt(), i, x0) * x0, at(1 - self.abar, i, x0))

    def posterior(self, x0: Tensor, x_t: Tensor, i: int | Tensor) -> Gaussian:
        """q(x_{i-1} | x_i, x_0), mean from x_0: sqrt(abar_{i-1}) beta_i/(1-abar_i) x_0 +
        sqrt(alpha_i)(1-abar_{i-1})/(1-abar_i) x_i."""
        previous = torch.cat([self.abar[:1], self.abar[:-1]])
        rest = (1 - self.abar).clamp(min=torch.finfo(torch.float64).tiny)
        mean = (
            at(previous.sqrt() * self.beta / rest, i, x0) * x0
            + at(self.alpha.sqrt() * (1 - previous) / rest, i, x0) * x_t
        )
        return Gaussian(mean, at(self.posterior_beta, i, x0))

    def posterior_from_eps(self, eps: Tensor, x_t: Tensor, i: int | Tensor) -> Gaussian:
        """The posterior with its mean from the noise: (x_i - beta_i / sqrt(1 - abar_i) eps) / sqrt(alpha_i). Needs
        alpha_i > 0."""
        mean = (x_t - at(self.beta / (1 - self.abar).sqrt(), i, x_t) * eps) / at(self.alpha.sqrt(), i, x_t)
        return Gaussian(mean, at(self.posterior_beta, i, x_t))

    def reverse(
        self,
        x0: Tensor,
        x_t: Tensor,
        i: int | Tensor,
        *,
        variance: Variance = "posterior",
        fraction: Tensor | None = None,
    ) -> Gaussian:
        """p_theta(x_{i-1} | x_i) from the model's estimate of x_0: the posterior's mean, and the variance that is
        chosen.

        "posterior" is beta~ (the lecture's), "beta" is beta; "learned" lies between the two, log-linearly by `fraction`
        in [0, 1] (0 gives beta~, 1 gives beta; Improved DDPM, equation 15). At i = 1, where beta~ is 0, beta~_2 stands
        in, as there.
        """
        return Gaussian(
            self.posterior(x0, x_t, i).mean, self.reverse_variance(i, x_t, variance=variance, fraction=fraction)
        )

    def reverse_variance(
        self, i: int | Tensor, like: Tensor, *, variance: Variance = "posterior", fraction: Tensor | None = None
    ) -> Tensor:
        """sigma_i^2 of p_theta, broadcastable against `like`."""
        if variance == "beta":
            return at(self.beta, i, like)
        tilde = self.posterior_beta.clone()
        tilde[1] = tilde[2] if self.steps > 1 else self.beta[1]
        if variance == "posterior":
            return at(tilde, i, like)
        assert fraction is not None, "the learned variance needs the network's fraction"
        log_beta, log_tilde = at(self.beta.log(), i, like), at(tilde.log(), i, like)
        return torch.exp(fraction * log_beta + (1 - fraction) * log_tilde)

    def loss_weight(self, i: int | Tensor, *, variance: Variance = "posterior") -> Tensor:
        """The weight of ||eps - eps_theta||^2 in L_{i-1} (REFERENCE section 2): beta_i^2 / (2 sigma_i^2 alpha_i (1 -
        abar_i)), float64."""
        like = torch.zeros((), dtype=torch.float64, device=i.device if isinstance(i, Tensor) else None)
        return self.clean_weight(i, variance=variance) * at((1 - self.abar) / self.abar, i, like)

    def clean_weight(self, i: int | Tensor, *, variance: Variance = "posterior") -> Tensor:
        """The weight of ||x_0 - x_0^||^2 in L_{i-1}: abar_{i-1} beta_i^2 / (2 sigma_i^2 (1 - abar_i)^2), float64;
        finite where abar_i = 0."""
        like = torch.zeros((), dtype=torch.float64, device=i.device if isinstance(i, Tensor) else None)
        previous = torch.cat([self.abar[:1], self.abar[:-1]])
        sigma2 = self.reverse_variance(i, like, variance=variance)
        return at(previous * (self.beta / (1 - self.abar)) ** 2 / 2, i, like) / sigma2


def at(table: Tensor, i: int | Tensor, like: Tensor) -> Tensor:
    """Entries i of a table as coefficients for `like` (B, ...): its dtype and device, (B, 1, ...) where i is (B,)."""
    values = table.to(like.device)[i].to(like.dtype)
    return values.reshape(-1, *[1] * (like.ndim - 1)) if values.ndim else values
