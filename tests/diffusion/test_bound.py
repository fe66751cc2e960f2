"""The variational bound, on Gaussian data whose posterior mean is known: against an estimate made another way, and
against the entropy."""

import itertools
import math

import pytest
import torch
from oracles import F64, gaussian
from torch.distributions import Normal

from debruit.diffusion.bound import BoundTerms, bound, prior_term, step_term, terms
from debruit.diffusion.chain import Chain, Cosine, Linear
from debruit.diffusion.gaussian import discretised_log_likelihood
from debruit.diffusion.prediction import Estimate
from debruit.diffusion.processes.tabulated import Tabulated

MEAN, STD, DIMENSIONS = 0.1, 0.2, 4
ENTROPY = DIMENSIONS * (0.5 * math.log(2 * math.pi * math.e * STD**2) - math.log(2 / 255))  # of 8-bit values, nats


def eight_bit(count: int, seed: int = 0) -> torch.Tensor:
    """Images of independent Gaussian values, rounded to the 8-bit grid of [-1, 1]: (count, 1, 2, 2)."""
    x = MEAN + STD * torch.randn(count, 1, 2, 2, dtype=F64, generator=torch.Generator().manual_seed(seed))
    return ((x + 1) * 127.5).round() / 127.5 - 1


def oracle(chain: Chain):
    """The posterior mean, for times (B,) that are all equal. The rounding adds a variance of bin^2 / 12."""
    exact = gaussian(Tabulated(chain=chain), MEAN, math.hypot(STD, 2 / 255 / math.sqrt(12)))
    return lambda x, t: exact(x, float(t[0]))


def fresh(x: torch.Tensor, seed: int = 1):
    g = torch.Generator().manual_seed(seed)
    return lambda: torch.randn(x.shape, dtype=x.dtype, generator=g)


def mean_and_error(values: torch.Tensor) -> tuple[float, float]:
    return float(values.mean()), float(values.std() / len(values) ** 0.5)


def importance_estimate(chain: Chain, x0: torch.Tensor, variance: str) -> torch.Tensor:
    """DDPM, equation 3: -log p(x_T) - sum_i log p(x_{i-1} | x_i) / q(x_i | x_{i-1}) along simulated chains; no
    posterior, no divergence."""
    noise, denoise = fresh(x0, 2), oracle(chain)
    log_ratio, x = torch.zeros(len(x0), dtype=F64), x0
    for i in range(1, chain.steps + 1):
        step = chain.q_step(x, i)
        ahead = step.sample(noise())
        forwards = Normal(step.mean, step.variance.sqrt()).log_prob(ahead)
        p = chain.reverse(denoise(ahead, torch.tensor([i / chain.steps])).x0, ahead, i, variance=variance)
        backwards = Normal(p.mean, p.variance.sqrt()).log_prob(x) if i > 1 else discretised_log_likelihood(x0, p)
        log_ratio += (backwards - forwards).flatten(1).sum(1)
        x = ahead
    return -log_ratio - Normal(0.0, 1.0).log_prob(x).flatten(1).sum(1)


@pytest.mark.parametrize("variance", ["posterior", "beta"])
@pytest.mark.parametrize(
    "chain", [Chain(schedule=Cosine(), steps=6), Chain(schedule=Linear(start=0.01, end=0.6), steps=12)]
)
def test_agrees_with_importance_weights(chain, variance):
    x0 = eight_bit(6000)
    direct, error = mean_and_error(bound(oracle(chain), chain, x0, fresh(x0), variance=variance).total)
    other, other_error = mean_and_error(importance_estimate(chain, x0, variance))
    assert abs(direct - other) < 4 * math.hypot(error, other_error)
    assert error < other_error  # what the divergences are for


def test_lies_above_the_entropy_and_comes_down_to_it():
    """With beta as the reverse variance. beta~ assumes that x_0 is known, too little by far for the last step: its gap
    stays open."""
    x0, gaps = eight_bit(2000), []
    for steps in (4, 16, 64, 256):
        chain = Chain(schedule=Cosine(), steps=steps)
        value, error = mean_and_error(bound(oracle(chain), chain, x0, fresh(x0), variance="beta").total)
        assert value > ENTROPY - 4 * error
        gaps.append((value - ENTROPY) / DIMENSIONS)
    assert all(later < earlier for earlier, later in itertools.pairwise(gaps))
    assert gaps[-1] < 0.05


def test_a_worse_denoiser_has_a_worse_bound():
    chain, x0 = Chain(schedule=Cosine(), steps=20), eight_bit(500)
    exact = oracle(chain)
    biased = lambda x, t: Estimate(exact(x, t).x0 + 0.05, exact(x, t).eps)  # noqa: E731
    assert bound(biased, chain, x0, fresh(x0)).total.mean() > bound(exact, chain, x0, fresh(x0)).total.mean() + 0.1


def test_terms_are_expected_divergences():
    """L_{i-1} = D (SNR_{i-1} - SNR_i) / 2 times the posterior variance of x_0, for the exact denoiser."""
    chain, x0 = Chain(schedule=Cosine(), steps=10), eight_bit(4000)
    found = bound(oracle(chain), chain, x0, fresh(x0))
    snr = chain.abar / (1 - chain.abar)
    for i in (2, 5, 10):
        expected = DIMENSIONS * (snr[i - 1] - snr[i]) / 2 * STD**2 / (1 + STD**2 * snr[i])
        value, error = mean_and_error(found.steps[:, i - 1])
        assert abs(value - float(expected)) < 4 * error + 0.005 * float(expected)


@pytest.mark.parametrize("zero", [False, True])
def test_step_terms_are_weighted_errors(zero):
    """With beta~, L_{i-1} is the weight of REFERENCE section 2 times ||eps - eps^||^2; with beta the trace and
    log-determinant join it."""
    chain = Chain(steps=100, zero_terminal_snr=zero)
    i = torch.arange(2, 100)
    x0, eps, x0_hat = torch.randn(3, len(i), 5, dtype=F64, generator=torch.Generator().manual_seed(0))
    x_t = chain.q(x0, i).sample(eps)
    eps_hat = (x_t - chain.abar[i].sqrt()[:, None] * x0_hat) / (1 - chain.abar[i]).sqrt()[:, None]
    for variance in ("posterior", "beta"):
        weighted = chain.loss_weight(i, variance=variance)[:, None] * (eps - eps_hat) ** 2
        ratio = (chain.posterior_beta[i] / chain.reverse_variance(i, x0, variance=variance).flatten())[:, None]
        constant = 0.5 * (ratio - 1 - ratio.log())
        found = step_term(chain, x0, x_t, i, x0_hat, variance=variance)
        torch.testing.assert_close(found, weighted + constant, rtol=1e-6, atol=1e-9)
        assert (found >= 0).all()


def test_learned_variance_between_its_ends():
    chain, x0 = Chain(schedule=Cosine(), steps=8), eight_bit(50)
    exact = oracle(chain)

    def with_fraction(value):
        return lambda x, t: Estimate(exact(x, t).x0, exact(x, t).eps, torch.full_like(x, value))

    for fraction, variance in ((0.0, "posterior"), (1.0, "beta")):
        learned = bound(with_fraction(fraction), chain, x0, fresh(x0), variance="learned").steps
        fixed = bound(exact, chain, x0, fresh(x0), variance=variance).steps
        torch.testing.assert_close(learned, fixed)


def test_a_chain_with_zero_terminal_snr_has_no_prior_term():
    x0 = eight_bit(3)
    assert prior_term(Chain(zero_terminal_snr=True), x0).abs().max() == 0
    assert prior_term(Chain(), x0).min() > 0


def test_subsets_and_layout():
    chain, x0 = Chain(schedule=Cosine(), steps=5), eight_bit(3)
    whole = bound(oracle(chain), chain, x0, fresh(x0))
    assert whole.steps.shape == (3, 5)
    assert torch.equal(whole.decoder, whole.steps[:, 0])
    first = dict(terms(oracle(chain), chain, x0, fresh(x0), [1, 2]))
    torch.testing.assert_close(torch.stack([first[1], first[2]], 1), whole.steps[:, :2])


def test_bits_per_dimension():
    """D values that each cost 8 ln 2 nats cost 8 bits/dim."""
    nats = torch.full((2, 3), 12 * 8 * math.log(2) / 4, dtype=F64)
    found = BoundTerms(prior=nats[:, 0], steps=nats, dimensions=12)
    torch.testing.assert_close(found.total, torch.full((2,), 12 * 8 * math.log(2), dtype=F64))
    torch.testing.assert_close(found.bits_per_dim, torch.full((2,), 8.0, dtype=F64))


def test_float32_images_give_a_float64_bound():
    chain, x0 = Chain(schedule=Cosine(), steps=5), eight_bit(3).float()
    found = bound(oracle(chain), chain, x0, fresh(x0))
    assert found.total.dtype == F64
    assert found.total.isfinite().all()
