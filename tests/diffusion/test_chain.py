"""The Markov chain: composition, posterior by Bayes' rule, variances; for every schedule, with and without zero
terminal SNR."""

import math

import pytest
import torch
from oracles import CHAINS, F64

from debruit.diffusion.chain import Chain, Cosine, Linear, ScaledLinear
from debruit.errors import InputError

chains = pytest.mark.parametrize("chain", CHAINS.values(), ids=CHAINS)


@chains
def test_tables_begin_clean_and_their_noise_grows(chain):
    assert chain.abar[0] == 1
    assert chain.beta[0] == 0
    assert len(chain.abar) == len(chain.beta) == chain.steps + 1
    assert ((chain.beta[1:] > 0) & (chain.beta[1:] <= 1)).all()
    assert (chain.abar.diff() < 0).all()


@chains
def test_composing_single_steps_gives_the_closed_form(chain):
    """For every i: mean and variance carried through q(x_i | x_{i-1}) are those of q(x_i | x_0)."""
    x0 = torch.tensor([[0.7]], dtype=F64)
    mean, variance, carried = x0, torch.zeros_like(x0), []
    for i in range(1, chain.steps + 1):
        gain, one = chain.q_step(torch.ones_like(x0), i).mean, chain.q_step(mean, i)
        mean, variance = one.mean, gain**2 * variance + one.variance
        carried.append((mean, variance))
    at_once = chain.q(x0.expand(chain.steps, 1), torch.arange(1, chain.steps + 1))
    torch.testing.assert_close(torch.cat([m for m, _ in carried]), at_once.mean, rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(torch.cat([v for _, v in carried]), at_once.variance, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("zero", [False, True])
def test_composing_single_steps_by_monte_carlo(zero):
    chain, g, count = (
        Chain(schedule=Cosine(), steps=8, zero_terminal_snr=zero),
        torch.Generator().manual_seed(0),
        40_000,
    )
    x = x0 = torch.full((count, 1), 0.6, dtype=F64)
    for i in range(1, 7):
        x = chain.q_step(x, i).sample(torch.randn(x.shape, dtype=F64, generator=g))
    law = chain.q(x0[:1], 6)
    variance = float(law.variance)
    assert abs(float(x.mean() - law.mean)) < 4 * math.sqrt(variance / count)
    assert abs(float(x.var()) - variance) < 4 * variance * math.sqrt(2 / count)


@chains
def test_posterior_is_bayes_rule(chain):
    """q(x_{i-1} | x_i, x_0) is proportional to q(x_i | x_{i-1}) q(x_{i-1} | x_0): the product of two Gaussians in
    x_{i-1}."""
    i = torch.arange(2, chain.steps + 1)
    x0, x_t = torch.randn(2, len(i), 1, dtype=F64, generator=torch.Generator().manual_seed(1))
    prior, gain, noise = chain.q(x0, i - 1), chain.q_step(torch.ones_like(x_t), i).mean, chain.q_step(x_t, i).variance
    precision = 1 / prior.variance + gain**2 / noise
    mean = (prior.mean / prior.variance + gain * x_t / noise) / precision
    posterior = chain.posterior(x0, x_t, i)
    torch.testing.assert_close(posterior.mean, mean, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(posterior.variance, 1 / precision, rtol=1e-9, atol=0)


@chains
def test_both_forms_of_the_posterior_agree(chain):
    i = torch.nonzero(chain.abar > 0).flatten()[1:]  # from eps only where x_t holds some x_0
    x0, eps = torch.randn(2, len(i), 3, 2, dtype=F64, generator=torch.Generator().manual_seed(2))
    x_t = chain.q(x0, i).sample(eps)
    from_x0, from_eps = chain.posterior(x0, x_t, i), chain.posterior_from_eps(eps, x_t, i)
    torch.testing.assert_close(from_x0.mean, from_eps.mean, rtol=1e-8, atol=1e-8)
    torch.testing.assert_close(from_x0.variance, from_eps.variance)


@chains
def test_the_first_step_ends_at_x0(chain):
    x0, x_t = torch.tensor([[0.3]], dtype=F64), torch.tensor([[2.0]], dtype=F64)
    posterior = chain.posterior(x0, x_t, 1)
    torch.testing.assert_close(posterior.mean, x0)
    assert posterior.variance == 0


@chains
def test_reverse_variances(chain):
    i, like = torch.arange(2, chain.steps + 1), torch.zeros(chain.steps - 1, 1, dtype=F64)
    tilde = ((1 - chain.abar[i - 1]) / (1 - chain.abar[i]) * chain.beta[i])[:, None]
    beta = chain.beta[i][:, None]
    torch.testing.assert_close(chain.reverse_variance(i, like, variance="posterior"), tilde)
    torch.testing.assert_close(chain.reverse_variance(i, like, variance="beta"), beta)
    learned = [
        chain.reverse_variance(i, like, variance="learned", fraction=torch.full_like(like, f)) for f in (0, 0.4, 1)
    ]
    torch.testing.assert_close(learned[0], tilde)
    torch.testing.assert_close(learned[2], beta)
    assert ((learned[1] >= tilde * (1 - 1e-12)) & (learned[1] <= beta * (1 + 1e-12))).all()


@chains
def test_the_first_reverse_variance_is_positive(chain):
    """beta~_1 = 0 would put no mass on any image: beta~_2 stands in."""
    like = torch.zeros(1, 1, dtype=F64)
    assert chain.posterior_beta[1] == 0
    assert chain.reverse_variance(1, like) == chain.posterior_beta[2] > 0


@chains
def test_weights_of_the_bound(chain):
    """loss_weight is REFERENCE's formula; clean_weight is the same in x_0, (SNR_{i-1} - SNR_i) / 2, and finite at every
    step."""
    i = torch.arange(2, chain.steps + 1)
    snr = chain.abar / (1 - chain.abar)
    clean = chain.clean_weight(i)
    torch.testing.assert_close(clean, (snr[i - 1] - snr[i]) / 2, rtol=1e-7, atol=0)
    assert chain.clean_weight(torch.arange(1, chain.steps + 1)).isfinite().all()
    i = i[chain.abar[i] > 0]
    expected = chain.beta[i] ** 2 / (2 * chain.posterior_beta[i] * chain.alpha[i] * (1 - chain.abar[i]))
    torch.testing.assert_close(chain.loss_weight(i), expected, rtol=1e-8, atol=0)


@pytest.mark.parametrize("steps", [10, 100, 1000])
def test_cosine_is_not_shifted(steps):
    """abar_i = f(i/T)/f(0): the first entry of beta belongs to i = 1, and only the last is clipped."""
    f = lambda i: math.cos((i / steps + 0.008) / 1.008 * math.pi / 2) ** 2  # noqa: E731
    chain = Chain(schedule=Cosine(), steps=steps)
    for i in (1, 2, steps // 2, steps - 1):
        assert float(chain.abar[i]) == pytest.approx(f(i) / f(0), rel=1e-10)
    assert chain.beta[steps] == 0.999
    assert float(chain.abar[steps]) == pytest.approx(0.001 * f(steps - 1) / f(0), rel=1e-10)


@chains
def test_zero_terminal_snr_changes_the_end_only_as_it_says(chain):
    if not chain.zero_terminal_snr:
        assert chain.abar[-1] > 0
        return
    plain = Chain(schedule=chain.schedule, steps=chain.steps)
    assert chain.abar[-1] == 0
    assert chain.beta[-1] == 1
    torch.testing.assert_close(chain.abar[1], plain.abar[1])


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_short_chains(steps):
    chain = Chain(schedule=Linear(start=0.1, end=0.5), steps=steps)
    x = torch.ones(1, 1, dtype=F64)
    for i in range(1, steps + 1):
        p = chain.reverse(x, x, i)
        assert p.mean.isfinite().all()
        assert p.variance > 0


def test_a_step_for_each_image_is_the_step_of_each():
    chain, x = Chain(steps=50), torch.randn(3, 2, 4, 4)
    together = chain.q(x, torch.tensor([1, 20, 50]))
    for n, i in enumerate((1, 20, 50)):
        alone = chain.q(x[n : n + 1], i)
        assert torch.equal(together.mean[n : n + 1], alone.mean)
        assert together.variance[n] == alone.variance
    assert together.mean.dtype == torch.float32


def test_impossible_chains_are_refused():
    with pytest.raises(InputError, match="at least 1 step, not 0"):
        Chain(steps=0)
    with pytest.raises(InputError, match="at least 2 steps"):
        Chain(steps=1, zero_terminal_snr=True)
    for schedule in (Linear(end=2), Linear(start=0), Linear(start=-1e-4), ScaledLinear(end=1.1), Cosine(max_beta=-1.0)):
        with pytest.raises(InputError, match="all must lie between 0 and 1"):
            Chain(schedule=schedule)
