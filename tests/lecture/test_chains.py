"""Any process as the lecture's chain: its distributions are those of the process, divided by its scale."""

import pytest
import torch
from oracles import PROCESSES

from debruit.diffusion.processes.flow import Flow
from debruit.diffusion.processes.tabulated import Tabulated
from debruit.lecture.chains import chain_of, shown_steps
from debruit.sampling.sampler import transition

F64 = torch.float64


@pytest.mark.parametrize("name", PROCESSES)
def test_the_chain_has_the_distributions_of_the_process(name):
    process = PROCESSES[name]
    model_chain = chain_of(process, 30)
    chain, times, scale = model_chain.chain, model_chain.times, model_chain.scale
    assert times[0] == 0
    assert times[-1] == 1
    assert (times.diff() > 0).all()
    alpha, sigma = process.alpha(times), process.sigma(times)
    torch.testing.assert_close(chain.abar.sqrt(), alpha / scale, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close((1 - chain.abar).sqrt(), sigma / scale, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("name", PROCESSES)
def test_its_posterior_is_that_of_the_process_scaled(name):
    """Kingma et al. 2021: the posterior between two times does not change when x_t is divided by a function of t."""
    process = PROCESSES[name]
    model_chain = chain_of(process, 30)
    x0, x = torch.tensor([[0.4]], dtype=F64), torch.tensor([[-0.7]], dtype=F64)
    for i in (2, model_chain.chain.steps // 2, model_chain.chain.steps - 1):
        before, after = float(model_chain.scale[i]), float(model_chain.scale[i - 1])
        step = transition(process, float(model_chain.times[i]), float(model_chain.times[i - 1]))
        ours = model_chain.chain.posterior(x0, x, i)
        torch.testing.assert_close(ours.mean, step.posterior_mean(x0, before * x) / after, rtol=1e-6, atol=1e-9)
        assert float(ours.variance) == pytest.approx(step.posterior_variance / after**2, rel=1e-5)


def test_a_chain_model_keeps_its_own_chain():
    process = PROCESSES["Tabulated-cosine-60"]
    assert isinstance(process, Tabulated)
    model_chain = chain_of(process)
    assert model_chain.own
    assert model_chain.chain is process.chain
    assert not chain_of(Flow()).own


def test_shown_steps_are_distinct_and_hold_both_ends():
    for steps, count in ((1, 41), (5, 41), (200, 41), (1000, 9)):
        shown = shown_steps(steps, count)
        assert shown[0] == 1
        assert shown[-1] == steps
        assert len(set(shown)) == len(shown) == min(steps, count)


@pytest.mark.parametrize("name", PROCESSES)
def test_a_chain_of_one_step_ends_in_the_noise_of_the_process(name):
    process = PROCESSES[name]
    if isinstance(process, Tabulated):
        return
    alpha, sigma = (float(f(torch.ones(1, dtype=F64))) for f in (process.alpha, process.sigma))
    chain = chain_of(process, 1).chain
    assert chain.abar.tolist() == pytest.approx([1, alpha**2 / (alpha**2 + sigma**2)], abs=1e-12)
