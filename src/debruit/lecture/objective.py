"""From the cross-entropy to the bound, on a chain of two steps where every line of the derivation is a number.

    data    x_0 ~ N(0, s_0^2)
    chain   q(x_1 | x_0) = N(sqrt(alpha_1) x_0, beta_1),  q(x_2 | x_1) = N(sqrt(alpha_2) x_1, beta_2)
    model   p(x_2) = N(0, rho),  p_theta(x_{t-1} | x_t) = N(a_t x_t, v_t),  t = 2, 1

All variables are jointly Gaussian under q and under p_theta, so that log p_theta(x_0), the bound, its terms and its gap
have closed forms. With V_t = abar_t s_0^2 + 1 - abar_t, the exact reverse of the chain has a_t = sqrt(alpha_t) V_{t-1}
/ V_t, v_t = beta_t V_{t-1} / V_t and rho = V_2. The script of the page (panels/objective.js) has the same formulas.
"""

import math
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from debruit.errors import InputError
from debruit.lecture.mixture import log_normal
from debruit.rng import Purpose, stream

DRAWS = 2000  # of the noise of a Monte Carlo estimate
REACH, CELLS = 8.0, 65  # of a numerical integral over the noise: standard deviations of its peak, points an axis


@dataclass(frozen=True, kw_only=True)
class TwoSteps:
    """The data, the chain and a model of it. `error` changes the model's a_t by this share of the exact ones, `factor`
    multiplies its variances v_t; `fitted`: p(x_2) is q(x_2), and else the lecture's N(0, 1).
    """

    std: float = 0.5
    beta1: float = 0.2
    beta2: float = 0.5
    error: float = -0.35
    factor: float = 1.0
    fitted: bool = False

    def __post_init__(self) -> None:
        if not (self.std > 0 and 0 < self.beta1 < 1 and 0 < self.beta2 < 1 and self.factor > 0):
            raise InputError(f"{self}: give std and factor above 0, and beta1 and beta2 between 0 and 1")

    @property
    def alphas(self) -> tuple[float, float]:
        """alpha_1, alpha_2."""
        return 1 - self.beta1, 1 - self.beta2

    @property
    def spreads(self) -> tuple[float, float, float]:
        """The variances V_0, V_1, V_2 of x_0, x_1, x_2 under q."""
        first = self.alphas[0] * self.std**2 + self.beta1
        return self.std**2, first, self.alphas[1] * first + self.beta2

    @property
    def slopes(self) -> tuple[float, float]:
        """The model's a_1, a_2."""
        v0, v1, v2 = self.spreads
        scale = 1 + self.error
        return scale * math.sqrt(self.alphas[0]) * v0 / v1, scale * math.sqrt(self.alphas[1]) * v1 / v2

    @property
    def variances(self) -> tuple[float, float]:
        """The model's v_1, v_2."""
        v0, v1, v2 = self.spreads
        return self.factor * self.beta1 * v0 / v1, self.factor * self.beta2 * v1 / v2

    @property
    def rho(self) -> float:
        """The variance of p(x_2)."""
        return self.spreads[2] if self.fitted else 1.0

    @property
    def model_variance(self) -> float:
        """The variance of p_theta(x_0), which is Gaussian with mean 0."""
        (a1, a2), (v1, v2) = self.slopes, self.variances
        return a1**2 * (a2**2 * self.rho + v2) + v1

    def log_likelihood(self, x0: float) -> float:
        """log p_theta(x_0), exact."""
        return -0.5 * (x0**2 / self.model_variance + math.log(2 * math.pi * self.model_variance))

    def log_weights(self, x0: float, noise: Tensor) -> Tensor:
        """log of the weight p_theta(x_{0:2}) / q(x_{1:2} | x_0) on trajectories with this noise, (..., 2) -> (...)."""
        (alpha1, alpha2), (a1, a2), (v1, v2) = self.alphas, self.slopes, self.variances
        x1 = math.sqrt(alpha1) * x0 + math.sqrt(self.beta1) * noise[..., 0]
        x2 = math.sqrt(alpha2) * x1 + math.sqrt(self.beta2) * noise[..., 1]
        p = _log(x2, 0.0, self.rho) + _log(x1, a2 * x2, v2) + _log(torch.full_like(x1, x0), a1 * x1, v1)
        return p - _log(x1, math.sqrt(alpha1) * x0, self.beta1) - _log(x2, math.sqrt(alpha2) * x1, self.beta2)

    def gap(self, x0: float | None = None) -> float:
        """KL(q(x_{1:2} | x_0) || p_theta(x_{1:2} | x_0)), nats: the gap of the bound. None: its mean over x_0 ~ q."""
        (alpha1, alpha2), (a1, a2), (v1, v2) = self.alphas, self.slopes, self.variances
        square = self.std**2 if x0 is None else x0**2
        # the precision of p_theta(x_{1:2} | x_0), from the squares in log p_theta(x_{0:2}), and its mean over x_0
        p11, p12, p22 = 1 / v2 + a1**2 / v1, -a2 / v2, 1 / self.rho + a2**2 / v2
        determinant = p11 * p22 - p12**2
        m1, m2 = p22 * a1 / v1 / determinant, -p12 * a1 / v1 / determinant
        d1, d2 = math.sqrt(alpha1) - m1, math.sqrt(alpha1 * alpha2) - m2
        trace = p11 * self.beta1 + 2 * p12 * math.sqrt(alpha2) * self.beta1 + p22 * (alpha2 * self.beta1 + self.beta2)
        means = p11 * d1**2 + 2 * p12 * d1 * d2 + p22 * d2**2
        return 0.5 * (trace - 2 - math.log(determinant * self.beta1 * self.beta2) + square * means)

    @cached_property
    def derivation(self) -> "Derivation":
        """Every line of the lecture's derivation."""
        prior, step, decoder = _parts(self)
        s2, p2 = self.std**2, self.model_variance
        return Derivation(
            entropy=0.5 * math.log(2 * math.pi * math.e * s2),
            divergence=0.5 * (s2 / p2 - 1 - math.log(s2 / p2)),
            cross_entropy=0.5 * (s2 / p2 + math.log(2 * math.pi * p2)),
            marginal=-(2 * _log_integral(self, 0.0) + _log_integral(self, math.sqrt(3) * self.std)) / 3,
            jensen=_expected_ratio(self),
            prior=prior,
            step=step,
            decoder=decoder,
            gap=self.gap(),
        )


@dataclass(frozen=True, kw_only=True)
class Derivation:
    """Lines of the derivation in nats. They hold: cross_entropy = entropy + divergence = marginal, bound = jensen =
    cross_entropy + gap.

    `marginal` is -E[log E_q[p_theta / q]], a numerical integral; `jensen` is E[log(q / p_theta)], from the entropy of q
    and the second moments; `prior`, `step`, `decoder` are L_T, L_1 and L_0, each from its own closed form.
    """

    entropy: float
    divergence: float
    cross_entropy: float
    marginal: float
    jensen: float
    prior: float
    step: float
    decoder: float
    gap: float

    @property
    def bound(self) -> float:
        """L_VUB as the sum of its parts."""
        return self.prior + self.step + self.decoder


@dataclass(frozen=True, kw_only=True)
class Jensen:
    """phi = -log at two points X_1, X_2 with weights w and 1 - w: phi(E[X]) on the curve, E[phi(X)] on the chord."""

    mean: float
    curve: float
    chord: float

    @property
    def gap(self) -> float:
        """E[phi(X)] - phi(E[X]), never negative."""
        return self.chord - self.curve


def jensen(x1: float, x2: float, weight: float) -> Jensen:
    """Compare the two sides of Jensen's inequality; x1, x2 > 0, 0 <= weight <= 1."""
    mean = weight * x1 + (1 - weight) * x2
    return Jensen(mean=mean, curve=-math.log(mean), chord=-weight * math.log(x1) - (1 - weight) * math.log(x2))


def noise(seed: int, draws: int = DRAWS) -> Tensor:
    """Return the noise of a Monte Carlo estimate of E_q[p_theta / q], float64, (draws, 2)."""
    return stream(Purpose.TOY_NOISE, seed).normal((draws, 2)).double()


def _parts(toy: TwoSteps) -> tuple[float, float, float]:
    """Return the mean over x_0 of L_T, L_1 and L_0."""
    (alpha1, alpha2), (a1, a2), (v1, v2) = toy.alphas, toy.slopes, toy.variances
    abar, (s2, spread1, spread2) = alpha1 * alpha2, toy.spreads
    prior = 0.5 * ((1 - abar + abar * s2) / toy.rho - 1 - math.log((1 - abar) / toy.rho))
    # q(x_1 | x_2, x_0) = N(c x_0 + d x_2, beta~_2)
    c, d = math.sqrt(alpha1) * toy.beta2 / (1 - abar), math.sqrt(alpha2) * toy.beta1 / (1 - abar)
    tilde = toy.beta1 * toy.beta2 / (1 - abar)
    squared = c**2 * s2 + 2 * c * (d - a2) * math.sqrt(abar) * s2 + (d - a2) ** 2 * spread2
    step = 0.5 * (tilde / v2 - 1 - math.log(tilde / v2) + squared / v2)
    rest = s2 - 2 * a1 * math.sqrt(alpha1) * s2 + a1**2 * spread1
    return prior, step, 0.5 * (math.log(2 * math.pi * v1) + rest / v1)


def _expected_ratio(toy: TwoSteps) -> float:
    """Return E[log q(x_{1:2} | x_0) - log p_theta(x_{0:2})]: minus the entropy of q, and three expected squares."""
    (alpha1, alpha2), (a1, a2), (v1, v2) = toy.alphas, toy.slopes, toy.variances
    s2, spread1, spread2 = toy.spreads
    entropy = math.log(2 * math.pi * math.e) + 0.5 * math.log(toy.beta1 * toy.beta2)
    squares = (
        (spread2, toy.rho),
        (spread1 - 2 * a2 * math.sqrt(alpha2) * spread1 + a2**2 * spread2, v2),
        (s2 - 2 * a1 * math.sqrt(alpha1) * s2 + a1**2 * spread1, v1),
    )
    return -entropy + sum(0.5 * (math.log(2 * math.pi * v) + square / v) for square, v in squares)


def _log_integral(toy: TwoSteps, x0: float) -> float:
    """Return log E_q[p_theta(x_{0:2}) / q(x_{1:2} | x_0)] by the trapezoidal rule over the noise.

    Its grid lies around the peak of the integrand, which may be far from the noise that q draws, along its axes. It is
    quadratic in x_0: its mean over N(0, s_0^2) is that of three points, 0 and +-sqrt(3) s_0.
    """

    def log(noise: Tensor) -> Tensor:
        return toy.log_weights(x0, noise) - (noise**2).sum(-1) / 2

    at = log(torch.tensor([[0, 0], [1, 0], [-1, 0], [0, 1], [0, -1], [1, 1]], dtype=torch.float64)).tolist()
    slope = torch.tensor([(at[1] - at[2]) / 2, (at[3] - at[4]) / 2], dtype=torch.float64)
    mixed = at[5] - at[1] - at[3] + at[0]
    curvature = [[at[1] + at[2] - 2 * at[0], mixed], [mixed, at[3] + at[4] - 2 * at[0]]]
    covariance = torch.linalg.inv(-torch.tensor(curvature, dtype=torch.float64))
    width = torch.linalg.cholesky(covariance)
    axis = torch.linspace(-REACH, REACH, CELLS, dtype=torch.float64)
    grid = torch.stack(torch.meshgrid(axis, axis, indexing="ij"), dim=-1) @ width.T + covariance @ slope
    cell = float(width.diagonal().log().sum()) + 2 * math.log(2 * REACH / (CELLS - 1))
    return float(log(grid).flatten().logsumexp(0)) + cell - math.log(2 * math.pi)


def _log(x: Tensor, mean: Tensor | float, variance: float) -> Tensor:
    mean = mean if isinstance(mean, Tensor) else torch.full_like(x, mean)
    return log_normal(x, mean, torch.full_like(x, variance))
