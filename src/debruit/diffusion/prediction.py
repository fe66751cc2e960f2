"""Types of prediction. A target is y = a x_0 + b eps, so a type of prediction is one function that returns (a,
b).

With x_t = alpha x_0 + sigma eps, one 2x2 solve inverts all of them, and since an error in x_0 and one in eps are tied
by alpha dx_0 + sigma deps = 0, losses in two spaces differ by a factor of time alone:
    ||dy||^2 = (det / sigma)^2 ||dx_0||^2,   det = alpha b - sigma a.
"""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from debruit.diffusion.process import Coefficients, expand
from debruit.errors import unknown

Prediction = Callable[[Coefficients], tuple[Tensor | float, Tensor | float]]


@dataclass(frozen=True)
class Estimate:
    """The estimates of a denoiser at x_t, all (B, ...): x0 = E[x_0 | x_t], the clean image; eps = E[eps | x_t], the
    noise, with x_t = alpha x0 + sigma eps; and, where the network has learned the variance of the reverse step, the
    fraction f in [0, 1] of beta^f beta~^(1 - f), which interpolates log beta~ (0) and log beta (1) (Nichol & Dhariwal
    2021, equation 15, https://arxiv.org/abs/2102.09672); None elsewhere."""

    x0: Tensor
    eps: Tensor
    fraction: Tensor | None = None


def epsilon(c: Coefficients):
    """The noise. Ho et al. 2020, https://arxiv.org/abs/2006.11239"""
    return 0.0, 1.0


def clean(c: Coefficients):
    """The clean image."""
    return 1.0, 0.0


def v(c: Coefficients):
    """alpha eps - sigma x_0. Salimans & Ho 2022, appendix D, https://arxiv.org/abs/2202.00512"""
    return -c.sigma, c.alpha


def velocity(c: Coefficients):
    """dx_t/dt = alpha' x_0 + sigma' eps; eps - x_0 for the straight path. Lipman et al. 2023,
    https://arxiv.org/abs/2210.02747"""
    return c.d_alpha, c.d_sigma


def score(c: Coefficients):
    """grad log q(x_t | x_0) = -eps / sigma. Song et al. 2021, https://arxiv.org/abs/2011.13456"""
    return 0.0, -1 / c.sigma


def edm(c: Coefficients):
    """The unit-variance target F of Karras et al. 2022 (table 1): x_0 = c_skip x_t + c_out F, for x_t of any
    process. https://arxiv.org/abs/2206.00364"""
    std = (c.alpha**2 * c.data_std**2 + c.sigma**2).sqrt()
    return c.sigma / (std * c.data_std), -c.alpha * c.data_std / std


PREDICTIONS: dict[str, Prediction] = {
    "eps": epsilon,
    "x0": clean,
    "v": v,
    "velocity": velocity,
    "score": score,
    "edm": edm,
}


def prediction(name: str) -> Prediction:
    """The type of that name; InputError names the nearest."""
    if name not in PREDICTIONS:
        raise unknown("prediction", name, PREDICTIONS)
    return PREDICTIONS[name]


def determinant(predict: Prediction, c: Coefficients) -> Tensor:
    """alpha b - sigma a: 0 exactly where the type carries no information about x_0 and eps beyond x_t."""
    a, b = predict(c)
    return c.alpha * b - c.sigma * a


def combine(predict: Prediction, c: Coefficients, x0: Tensor, eps: Tensor) -> Tensor:
    """The target y = a x_0 + b eps, (B, ...)."""
    a, b = predict(c)
    return _scale(a, x0) + _scale(b, eps)


def solve(predict: Prediction, c: Coefficients, y: Tensor, x_t: Tensor) -> Estimate:
    """x_0 and eps from a prediction y and x_t: the inverse of `combine`."""
    a, b = predict(c)
    det = c.alpha * b - c.sigma * a
    return Estimate(
        x0=_scale(b / det, x_t) - _scale(c.sigma / det, y),
        eps=_scale(c.alpha / det, y) - _scale(a / det, x_t),
    )


def _scale(coefficient: Tensor | float, x: Tensor) -> Tensor:
    return (expand(coefficient, x) if isinstance(coefficient, Tensor) else coefficient) * x
