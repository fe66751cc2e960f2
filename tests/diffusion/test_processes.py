"""Every process: its ends, its falling SNR, its derivatives, and the SDE that reproduces its marginals."""

import math

import pytest
import torch
from oracles import F64, PROCESSES

from debruit.diffusion.chain import Chain, Cosine, Linear
from debruit.diffusion.process import (
    Coefficients,
    derivative,
    drift,
    expand,
    log_snr,
    squared_diffusion,
    time_of_log_snr,
)
from debruit.diffusion.processes.tabulated import Tabulated

processes = pytest.mark.parametrize("process", PROCESSES.values(), ids=PROCESSES)
MIDDLES = (
    torch.arange(20, 980, dtype=F64) + 0.5
) / 1000  # never at a step of a chain of 1000 or 60, where derivatives jump


@processes
def test_ends(process):
    zero, one = torch.tensor([0.0, 1.0], dtype=F64)
    assert process.alpha(zero) == 1
    assert process.sigma(zero) == 0
    assert process.alpha(one) >= 0
    assert process.sigma(one) > 0


@processes
def test_snr_falls_strictly(process):
    t = torch.linspace(1e-5, 1 - 1e-5, 5003, dtype=F64)
    assert (log_snr(process, t).diff() < 0).all()
    assert (process.sigma(t).diff() > 0).all()


@processes
def test_derivatives_are_finite_differences(process):
    h, c = 1e-6, Coefficients(process, MIDDLES)
    for function, exact in ((process.alpha, c.d_alpha), (process.sigma, c.d_sigma)):
        difference = (function(MIDDLES + h) - function(MIDDLES - h)) / (2 * h)
        torch.testing.assert_close(exact, difference, rtol=1e-5, atol=1e-7)


@processes
def test_derivative_agrees_with_backward_mode(process):
    t = MIDDLES.clone().requires_grad_()
    (slope,) = torch.autograd.grad(log_snr(process, t).sum(), t)
    torch.testing.assert_close(derivative(lambda u: log_snr(process, u), MIDDLES), slope)


@processes
def test_the_sde_has_the_marginals(process):
    """dm/dt = f m and dV/dt = 2 f V + g^2, from the law of x_t at t = 0.05, arrive at that of every later t:
    exponential midpoint rule, whose intervals end at the steps of the chains."""
    count, start, data_variance = 3000, 150, 0.3
    h = 1 / count
    t = torch.arange(start, int(0.95 * count) + 1, dtype=F64) / count
    f, g2 = drift(process, t[:-1] + h / 2), squared_diffusion(process, t[:-1] + h / 2)
    assert (g2 >= 0).all()
    law = lambda u: (process.alpha(u), process.alpha(u) ** 2 * data_variance + process.sigma(u) ** 2)  # noqa: E731
    mean, variance = (float(part) for part in law(t[0]))
    for rate, noise in zip(f.tolist(), g2.tolist(), strict=True):
        grown = math.exp(2 * rate * h)
        mean *= math.exp(rate * h)
        variance = variance * grown + noise * (h if rate == 0 else (grown - 1) / (2 * rate))
    expected = law(t[-1])
    assert mean == pytest.approx(float(expected[0]), rel=1e-3, abs=1e-4)
    assert variance == pytest.approx(float(expected[1]), rel=1e-3)


@processes
def test_time_of_log_snr_inverts(process):
    t = torch.linspace(0.004, 0.996, 101, dtype=F64)
    torch.testing.assert_close(time_of_log_snr(process, log_snr(process, t)), t, rtol=0, atol=1e-9)
    assert time_of_log_snr(process, log_snr(process, t[7])).shape == ()


@processes
def test_scalar_and_batched_times_agree(process):
    t = torch.tensor([0.1, 0.55, 0.9], dtype=F64)
    for function in (process.alpha, process.sigma):
        assert function(t).shape == (3,)
        torch.testing.assert_close(function(t), torch.stack([function(u) for u in t]))
        assert function(t[0]).shape == ()


@pytest.mark.parametrize("zero", [False, True])
@pytest.mark.parametrize("schedule", [Linear(), Cosine()], ids=["linear", "cosine"])
def test_tabulated_is_the_chain_at_its_steps(schedule, zero):
    chain = Chain(schedule=schedule, zero_terminal_snr=zero)
    process, t = Tabulated(chain=chain), torch.arange(chain.steps + 1, dtype=F64) / chain.steps
    torch.testing.assert_close(process.alpha(t) ** 2, chain.abar, rtol=1e-9, atol=1e-13)
    torch.testing.assert_close(process.sigma(t) ** 2, 1 - chain.abar, rtol=1e-9, atol=1e-13)


def test_tabulated_interpolates_the_log_snr():
    process, i = PROCESSES["Tabulated"], torch.arange(1, 1000, dtype=F64)
    here, ahead, between = (log_snr(process, (i + w) / 1000) for w in (0, 1, 0.25))
    torch.testing.assert_close(between, 0.75 * here + 0.25 * ahead)


def test_tabulated_at_ends_without_a_log_snr():
    """Below step 1 sigma^2 grows linearly; in the last interval of a chain with zero terminal SNR alpha falls
    linearly."""
    process, w = PROCESSES["Tabulated-zero-snr"], torch.linspace(0, 1, 9, dtype=F64)
    first = process.sigma(w / 1000) ** 2
    torch.testing.assert_close(first, w * first[-1])
    last = process.alpha((999 + w) / 1000)
    torch.testing.assert_close(last, (1 - w) * last[0], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", [n for n in PROCESSES if n.startswith(("Tabulated", "VPCosine"))])
def test_variance_preserving_processes_preserve_it(name):
    t = torch.rand(1000, dtype=F64, generator=torch.Generator().manual_seed(0))
    total = PROCESSES[name].alpha(t) ** 2 + PROCESSES[name].sigma(t) ** 2
    torch.testing.assert_close(total, torch.ones_like(t))


def test_expand():
    like = torch.zeros(2, 3, 4, 4)
    assert expand(torch.ones(2, dtype=F64), like).shape == (2, 1, 1, 1)
    assert expand(torch.ones((), dtype=F64), like).shape == ()
    assert expand(torch.ones(2, dtype=F64), like).dtype == torch.float32


def test_a_chain_that_was_first_used_without_gradients_has_them_all_the_same():
    """Its tables are computed once: by a validation, for example."""
    process = Tabulated(chain=Chain(schedule=Linear(), steps=7))
    with torch.inference_mode():
        process.alpha(torch.tensor([0.3]))
        assert process.chain.posterior_beta[0] == 0
    t = torch.tensor([0.3], dtype=torch.float64, requires_grad=True)
    process.alpha(t).sum().backward()
    assert t.grad is not None
    assert not process.chain.posterior_beta.is_inference()
