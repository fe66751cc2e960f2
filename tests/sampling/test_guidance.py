"""Guidance: a line through the unconditional and the conditional estimate, both from one evaluation; and clipping that stays consistent."""

import pytest
import torch
from oracles import PROCESSES

from debruit.conditioning.cond import Cond
from debruit.diffusion.denoiser import Denoiser
from debruit.diffusion.prediction import PREDICTIONS, Estimate
from debruit.sampling.guidance.classifier_free import classifier_free
from debruit.sampling.guidance.clip import clip
from debruit.sampling.sampler import level


class Network:
    """Predicts tanh(x) plus its condition; counts calls and images."""

    def __init__(self, channels: int = 1):
        self.calls = self.images = 0
        self.channels = channels

    def __call__(self, x, noise_level, cond):
        self.calls, self.images = self.calls + 1, self.images + len(x)
        y = torch.tanh(x) + cond.vector[:, :1, None, None]
        return torch.cat([y] * self.channels, dim=1)


@pytest.fixture
def x():
    return torch.randn(3, 4, 2, 2, generator=torch.Generator().manual_seed(0))


COND = Cond(vector=torch.tensor([[0.3], [-0.5], [0.9]]))
NONE = Cond(vector=torch.zeros(3, 1))


def estimate(weight: float, x, predicts: str = "eps", t: float = 0.4) -> Estimate:
    return classifier_free(Denoiser(Network(), PROCESSES["VPCosine"], predicts), COND, NONE, weight)(x, t)


@pytest.mark.parametrize(("weight", "branch"), [(1.0, COND), (0.0, NONE), (1, COND)])
def test_the_ends_are_exactly_one_branch(weight, branch, x):
    network = Network()
    denoiser = Denoiser(network, PROCESSES["VPCosine"], "v")
    found = classifier_free(denoiser, COND, NONE, weight)(x, 0.4)
    assert (network.calls, network.images) == (1, 3)  # the other branch is not evaluated
    plain = denoiser(x, 0.4, branch)
    assert torch.equal(found.x0, plain.x0)
    assert torch.equal(found.eps, plain.eps)


@pytest.mark.parametrize("predicts", PREDICTIONS)
def test_linear_in_the_weight_on_all_channels(predicts, x):
    """u + w (c - u) on x_0 and eps, every channel of it."""
    u, c = estimate(0.0, x, predicts), estimate(1.0, x, predicts)
    for weight in (0.5, 2.0, 7.5):
        found = estimate(weight, x, predicts)
        torch.testing.assert_close(found.x0, u.x0 + weight * (c.x0 - u.x0), rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(found.eps, u.eps + weight * (c.eps - u.eps), rtol=1e-5, atol=1e-5)
    moved = (estimate(2.0, x, predicts).x0 - c.x0).abs().amin((0, 2, 3))
    assert (moved > 1e-3).all()


@pytest.mark.parametrize("predicts", PREDICTIONS)
def test_guided_estimates_stay_consistent(predicts, x):
    found, at = estimate(3.0, x, predicts), level(PROCESSES["VPCosine"], 0.4)
    torch.testing.assert_close(at.alpha * found.x0 + at.sigma * found.eps, x, rtol=1e-4, atol=1e-5)


def test_both_branches_in_one_evaluation(x):
    network = Network()
    classifier_free(Denoiser(network, PROCESSES["VPCosine"], "v"), COND, NONE, 2.0)(x, 0.4)
    assert (network.calls, network.images) == (1, 6)


def test_each_image_is_guided_by_its_own_condition(x):
    whole = estimate(2.0, x)
    for n in range(3):
        one = Cond(vector=COND.vector[n : n + 1])
        denoiser = Denoiser(Network(), PROCESSES["VPCosine"], "eps")
        alone = classifier_free(denoiser, one, Cond(vector=torch.zeros(1, 1)), 2.0)(x[n : n + 1], 0.4)
        torch.testing.assert_close(alone.x0[0], whole.x0[n])


def test_the_learned_variance_is_the_conditional_one(x):
    denoiser = Denoiser(Network(channels=2), PROCESSES["VPCosine"], "eps", learned_variance=True)
    found = classifier_free(denoiser, COND, NONE, 2.0)(x, 0.4)
    torch.testing.assert_close(found.fraction, denoiser(x, 0.4, COND).fraction)


@pytest.mark.parametrize("name", PROCESSES)
@pytest.mark.parametrize("t", [1.0, 0.6, 0.01])
def test_clipped_estimates_are_in_range_and_consistent(name, t, x):
    process = PROCESSES[name]
    at = level(process, t)
    x_t = at.alpha * 0.5 * x + at.sigma * x.flip(0)
    wild = lambda x, t: Estimate(3 * x / (at.sigma + at.alpha), x)  # noqa: E731
    found = clip(wild, process)(x_t, t)
    assert found.x0.abs().max() == 1
    torch.testing.assert_close(at.alpha * found.x0 + at.sigma * found.eps, x_t)


def test_clipping_leaves_what_is_in_range(x):
    process = PROCESSES["Flow"]
    x0, eps = x.clamp(-0.9, 0.9), x.flip(0)
    x_t = 0.6 * x0 + 0.4 * eps
    found = clip(lambda x, t: Estimate(x0, eps, x), process)(x_t, 0.4)
    torch.testing.assert_close(found.x0, x0)
    torch.testing.assert_close(found.eps, eps, rtol=1e-5, atol=1e-6)
    assert found.fraction is x_t
