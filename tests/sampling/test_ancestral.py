"""Ancestral sampling is algorithm 2 of the DDPM paper at S = T, and runs for every S in 1..T."""

import pytest
import torch
from oracles import F64, sample

from debruit.diffusion.chain import Chain, Cosine, Linear
from debruit.diffusion.prediction import Estimate
from debruit.diffusion.processes.tabulated import Tabulated
from debruit.sampling.ancestral import Ancestral
from debruit.sampling.grids import ChainSteps

LINEAR, COSINE = Chain(schedule=Linear(start=1e-3, end=0.2), steps=40), Chain(schedule=Cosine(), steps=40)


def eps_theta(x, i: int):
    """A network of the discrete step, nonlinear and of the step's own."""
    return torch.tanh(0.8 * x + 0.01 * i) + 0.1 * torch.sin(3 * x)


def denoiser(chain: Chain, fraction: float = 0.3):
    """The same network as a denoiser in continuous time."""

    def denoise(x, t: float) -> Estimate:
        i = round(t * chain.steps)
        assert abs(t * chain.steps - i) < 1e-9
        eps = eps_theta(x, i)
        abar = chain.abar[i]
        return Estimate((x - (1 - abar).sqrt() * eps) / abar.sqrt(), eps, torch.full_like(x, fraction))

    return denoise


def noise(seed: int, shape=(3, 2)):
    g = torch.Generator().manual_seed(seed)
    return lambda: torch.randn(shape, dtype=F64, generator=g)


def algorithm_2(chain: Chain, x, draw, variance: str):
    """REFERENCE section 3, from beta alone."""
    beta = chain.schedule.betas(chain.steps).tolist()
    abar = 1.0
    table = [abar := abar * (1 - b) for b in beta]
    for i in range(chain.steps, 0, -1):
        b, a = beta[i - 1], table[i - 1]
        mean = (x - b / (1 - a) ** 0.5 * eps_theta(x, i)) / (1 - b) ** 0.5
        if i == 1:
            return mean
        tilde = (1 - table[i - 2]) / (1 - a) * b
        sigma2 = {"posterior": tilde, "beta": b, "learned": b**0.3 * tilde**0.7}[variance]
        x = mean + sigma2**0.5 * draw()
    raise AssertionError


@pytest.mark.parametrize("variance", ["posterior", "beta", "learned"])
@pytest.mark.parametrize("chain", [LINEAR, COSINE], ids=["linear", "cosine"])
def test_is_algorithm_2(chain, variance):
    process, start = Tabulated(chain=chain), noise(0)()
    times = ChainSteps().times(process, chain.steps)
    ours = sample(denoiser(chain), process, Ancestral(variance=variance), start, times, noise(1))
    theirs = algorithm_2(chain, start, noise(1), variance)
    torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-9)


def test_one_step_is_the_reverse_law_of_the_chain():
    """Sampler and chain.py are written apart and must say the same of p(x_{i-1} | x_i)."""
    process, x = Tabulated(chain=COSINE), noise(0)()
    zero, one = (lambda: torch.zeros_like(x)), (lambda: torch.ones_like(x))
    for i in (2, 17, 40):

        def step(z, i=i):
            return Ancestral().step(denoiser(COSINE), process, x, i / 40, (i - 1) / 40, None, z)[0]

        law = COSINE.reverse(denoiser(COSINE)(x, i / 40).x0, x, i)
        torch.testing.assert_close(step(zero), law.mean, rtol=1e-9, atol=1e-9)
        torch.testing.assert_close((step(one) - step(zero)) ** 2, law.variance.expand_as(x), rtol=1e-8, atol=0)


@pytest.mark.parametrize("steps", [1, 2, 7, 20, 39, 40])
def test_runs_with_any_number_of_steps(steps):
    """Every S visits S distinct steps of the chain, from T down to 0."""
    process, seen = Tabulated(chain=COSINE), []

    def watched(x, t):
        seen.append(round(t * 40))
        return denoiser(COSINE)(x, t)

    x = sample(watched, process, Ancestral(), noise(0)(), ChainSteps().times(process, steps), noise(1))
    assert x.isfinite().all()
    assert len(seen) == len(set(seen)) == steps
    assert seen[0] == 40
    assert seen == sorted(seen, reverse=True)


def test_one_step_is_the_estimate():
    process, start = Tabulated(chain=LINEAR), noise(0)()
    x = sample(denoiser(LINEAR), process, Ancestral(), start, [1.0, 0.0])
    torch.testing.assert_close(x, denoiser(LINEAR)(start, 1.0).x0)


def test_an_unlearned_variance_is_a_defect():
    process = Tabulated(chain=LINEAR)
    bare = lambda x, t: Estimate(x, x)  # noqa: E731
    with pytest.raises(AssertionError, match="has not learned a variance"):
        Ancestral(variance="learned").step(bare, process, torch.zeros(1), 0.5, 0.25, None, None)
