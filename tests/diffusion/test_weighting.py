"""Weightings: known values, finite wherever training looks, and the bound's weight is the bound's."""

import math

import pytest
import torch
from oracles import CHAINS, F64, PROCESSES

from debruit.diffusion.bound import step_term
from debruit.diffusion.density import UniformSteps
from debruit.diffusion.objective import Objective
from debruit.diffusion.prediction import PREDICTIONS, determinant
from debruit.diffusion.process import Coefficients, log_snr
from debruit.diffusion.processes.tabulated import Tabulated
from debruit.diffusion.weighting import EDM, Bound, MinSNR, Simple, Weighting
from debruit.rng import Purpose, stream
from debruit.seams import implementations

processes = pytest.mark.parametrize("process", PROCESSES.values(), ids=PROCESSES)
WEIGHTINGS = {name: cls() for name, cls in implementations(Weighting).items()}
T = torch.tensor([0.05, 0.2, 0.5, 0.8, 0.95], dtype=F64)


def in_space(weighting, name: str, c: Coefficients):
    """The weight of ||dy||^2 in the space of a prediction type."""
    return weighting.weight(c) * (c.sigma / determinant(PREDICTIONS[name], c)) ** 2


@processes
@pytest.mark.parametrize("name", WEIGHTINGS)
def test_finite_and_not_negative_up_to_pure_noise(name, process):
    t = torch.cat([T, torch.tensor([1e-4, 1.0], dtype=F64)])
    weight = WEIGHTINGS[name].weight(Coefficients(process, t, 0.5))
    assert weight.shape == t.shape
    assert (weight.isfinite() & (weight >= 0)).all()


@processes
@pytest.mark.parametrize("space", PREDICTIONS)
def test_simple_is_one_in_its_own_space(space, process):
    c = Coefficients(process, T, 0.5)
    torch.testing.assert_close(in_space(Simple(space=space), space, c), torch.ones_like(T))


@processes
def test_simple_in_the_space_of_eps_is_the_snr(process):
    c = Coefficients(process, T)
    torch.testing.assert_close(Simple().weight(c), c.snr)


def test_min_snr_known_values():
    """Hang et al. 2023, section 3.4: min(SNR, gamma) on x_0, min(SNR, gamma) / SNR on eps, min(SNR, gamma) / (SNR + 1)
    on v."""
    c = Coefficients(PROCESSES["VPCosine"], T)
    capped = torch.minimum(c.snr, torch.tensor(5.0, dtype=F64))
    torch.testing.assert_close(in_space(MinSNR(), "x0", c), capped)
    torch.testing.assert_close(in_space(MinSNR(), "eps", c), capped / c.snr)
    torch.testing.assert_close(in_space(MinSNR(), "v", c), capped / (c.snr + 1))
    assert in_space(MinSNR(gamma=2.0), "x0", c)[0] == 2.0


def test_edm_known_values():
    """lambda(s) = (s^2 + d^2) / (s d)^2: table 1 of Karras et al. 2022."""
    c = Coefficients(PROCESSES["VE"], T, 0.5)
    s = c.sigma
    torch.testing.assert_close(EDM().weight(c), (s**2 + 0.25) / (s * 0.5) ** 2)
    torch.testing.assert_close(in_space(EDM(), "edm", c), torch.ones_like(T))


@pytest.mark.parametrize("chain", CHAINS.values(), ids=CHAINS)
def test_bound_on_a_chain_is_the_sum_of_its_terms(chain):
    """T E_i[W(i/T) ||x_0 - x_0^||^2] = sum_i L_{i-1} for one and the same wrong x_0^, draw by draw; L_0 aside."""
    i = torch.arange(2, chain.steps + 1)
    g = torch.Generator().manual_seed(0)
    x0, eps, wrong = torch.randn(3, len(i), 6, dtype=F64, generator=g)
    terms = step_term(chain, x0, chain.q(x0, i).sample(eps), i, wrong).sum(1)
    weight = Bound().weight(Coefficients(Tabulated(chain=chain), i / chain.steps))
    torch.testing.assert_close(weight * (x0 - wrong).square().sum(1) / chain.steps, terms, rtol=1e-6, atol=0)


@pytest.mark.parametrize("name", ["VPCosine", "Flow", "VE"])
def test_bound_in_continuous_time_on_gaussian_data(name):
    """-1/2 int SNR' E||x_0 - x_0^||^2 dt = 1/2 log((1 + v SNR(a)) / (1 + v SNR(b))) for data of variance v: the
    posterior's is v / (1 + v SNR)."""
    process, v = PROCESSES[name], 0.3
    t = torch.linspace(0.02, 0.98, 20_001, dtype=F64)
    c = Coefficients(process, t)
    integral = torch.trapezoid(Bound().weight(c) * v / (1 + v * c.snr), t)
    snr = log_snr(process, t[[0, -1]]).exp()
    assert float(integral) == pytest.approx(0.5 * math.log((1 + v * snr[0]) / (1 + v * snr[1])), rel=1e-5)


def test_bound_is_the_limit_of_long_chains():
    """The chain's weight tends to the continuous one as T grows."""
    t, gaps = torch.tensor([0.3, 0.6], dtype=F64), []
    exact = Bound().weight(Coefficients(PROCESSES["VPCosine"], t))

    class Unrolled:
        """alpha^2 = cos^2(pi t / 2) on T steps."""

        def __init__(self, steps):
            i = torch.arange(steps + 1, dtype=F64) / steps
            self.abar = torch.cos(math.pi / 2 * i) ** 2

        def betas(self, steps):
            return 1 - self.abar[1:] / self.abar[:-1]

    for steps in (100, 1000):
        chain = type(CHAINS["Cosine"])(schedule=Unrolled(steps), steps=steps)
        gaps.append((Bound().weight(Coefficients(Tabulated(chain=chain), t)) / exact - 1).abs().max())
    assert gaps[1] < 0.2 * gaps[0] < 0.02


def test_times_are_of_the_density_and_the_stream():
    objective = Objective(density=UniformSteps(steps=10))
    first, again = (objective.times(PROCESSES["Flow"], stream(Purpose.TIME, 3, 0), 7, 50) for _ in range(2))
    assert torch.equal(first, again)
    assert set((first * 10).round().int().tolist()) == set(range(1, 11))
