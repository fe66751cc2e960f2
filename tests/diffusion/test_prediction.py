"""Prediction types: one solve inverts them all, and the loss weights between their spaces follow from it."""

import pytest
import torch
from oracles import F64, PROCESSES

from debruit.diffusion.prediction import PREDICTIONS, combine, determinant, prediction, solve
from debruit.diffusion.process import Coefficients, expand
from debruit.errors import InputError

processes = pytest.mark.parametrize("process", PROCESSES.values(), ids=PROCESSES)
types = pytest.mark.parametrize("predict", PREDICTIONS.values(), ids=PREDICTIONS)
T = torch.tensor([0.0335, 0.2505, 0.5115, 0.7775, 0.9685], dtype=F64)


@pytest.fixture
def drawn():
    """x_0 and eps, (5, 2, 3, 3)."""
    return torch.randn(2, len(T), 2, 3, 3, dtype=F64, generator=torch.Generator().manual_seed(0))


def noised(c: Coefficients, x0, eps):
    return expand(c.alpha, x0) * x0 + expand(c.sigma, x0) * eps


@processes
@types
@pytest.mark.parametrize("data_std", [1.0, 0.5])
def test_round_trip(process, predict, data_std, drawn):
    (x0, eps), c = drawn, Coefficients(process, T, data_std)
    found = solve(predict, c, combine(predict, c, x0, eps), noised(c, x0, eps))
    torch.testing.assert_close(found.x0, x0, rtol=1e-7, atol=1e-7)
    torch.testing.assert_close(found.eps, eps, rtol=1e-7, atol=1e-7)


@processes
@types
def test_weight_identity_between_loss_spaces(process, predict, drawn):
    """||dy||^2 = (det / sigma)^2 ||dx_0||^2 for any wrong prediction of any type."""
    (x0, error), c = drawn, Coefficients(process, T, 0.7)
    eps = torch.randn(x0.shape, dtype=F64, generator=torch.Generator().manual_seed(1))
    y = combine(predict, c, x0, eps)
    wrong = solve(predict, c, y + error, noised(c, x0, eps))
    weight = (determinant(predict, c) / c.sigma) ** 2
    squared = lambda d: d.square().flatten(1).sum(1)  # noqa: E731
    torch.testing.assert_close(squared(error), weight * squared(wrong.x0 - x0), rtol=1e-7, atol=0)
    torch.testing.assert_close(noised(c, wrong.x0, wrong.eps), noised(c, x0, eps), rtol=1e-7, atol=1e-7)


@processes
@pytest.mark.parametrize("data_std", [1.0, 0.5])
def test_edm_is_karras_preconditioning(process, data_std, drawn):
    """x_0 = c_skip(s) z + c_out(s) F with z = x_t / alpha and s = sigma / alpha: table 1 of Karras et al. 2022."""
    (x0, eps), c = drawn, Coefficients(process, T, data_std)
    target = combine(PREDICTIONS["edm"], c, x0, eps)
    s = expand(c.sigma / c.alpha, x0)
    c_skip, c_out = data_std**2 / (s**2 + data_std**2), s * data_std / (s**2 + data_std**2).sqrt()
    torch.testing.assert_close(c_skip * (x0 + s * eps) + c_out * target, x0, rtol=1e-7, atol=1e-7)


@processes
def test_edm_target_has_unit_variance(process):
    c = Coefficients(process, T, 0.5)
    a, b = PREDICTIONS["edm"](c)
    torch.testing.assert_close(a**2 * 0.5**2 + b**2, torch.ones_like(T))


@processes
def test_velocity_is_the_derivative_of_the_path(process, drawn):
    (x0, eps), h = drawn, 1e-6
    target = combine(PREDICTIONS["velocity"], Coefficients(process, T), x0, eps)
    ahead, behind = (noised(Coefficients(process, T + d), x0, eps) for d in (h, -h))
    torch.testing.assert_close(target, (ahead - behind) / (2 * h), rtol=1e-4, atol=1e-6)


@processes
def test_score_is_the_gradient_of_the_log_density(process, drawn):
    (x0, eps), c = drawn, Coefficients(process, T)
    x_t = noised(c, x0, eps).requires_grad_()
    std = expand(c.sigma, x0).expand_as(x0)
    log_density = torch.distributions.Normal(expand(c.alpha, x0) * x0, std).log_prob(x_t).sum()
    (gradient,) = torch.autograd.grad(log_density, x_t)
    torch.testing.assert_close(combine(PREDICTIONS["score"], c, x0, eps), gradient, rtol=1e-7, atol=1e-7)


@processes
def test_which_types_carry_information_at_pure_noise(process):
    """Where alpha is 0, x_t holds nothing of x_0: eps and score cannot give it, the other types can."""
    c = Coefficients(process, torch.ones(1, dtype=F64))
    for name, predict in PREDICTIONS.items():
        silent = c.alpha == 0 and name in ("eps", "score")
        assert bool(determinant(predict, c) == 0) == bool(silent), name


def test_unknown_type_names_the_nearest():
    with pytest.raises(InputError, match="unknown prediction 'velocty', did you mean 'velocity'"):
        prediction("velocty")
