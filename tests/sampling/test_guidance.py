"""Guidance: a linear combination of estimates from one batch; its contrast, its interval, a weaker model; and clipping
that stays consistent."""

import itertools
import math

import pytest
import torch
from diffusers.guiders.guider_utils import rescale_noise_cfg
from oracles import PROCESSES

from debruit.diffusion.denoiser import Denoiser
from debruit.diffusion.prediction import PREDICTIONS, Estimate
from debruit.errors import InputError
from debruit.networks.cond import Cond
from debruit.overrides import override
from debruit.sampling.config import SamplingConfig
from debruit.sampling.guidance import weights
from debruit.sampling.guidance.autoguidance import autoguidance
from debruit.sampling.guidance.classifier_free import classifier_free
from debruit.sampling.guidance.clip import clip
from debruit.sampling.guidance.cost import evaluations, times
from debruit.sampling.guidance.interval import within
from debruit.sampling.guidance.rescale import rescaled
from debruit.sampling.heun import Heun
from debruit.sampling.loop import trajectory
from debruit.sampling.sampler import Sampler, level
from debruit.seams import implementations

SAMPLERS = implementations(Sampler)


class Network:
    """Predicts tanh(x) (1 + c) + c of its condition c; counts calls and images."""

    def __init__(self, channels: int = 1):
        self.calls = self.images = 0
        self.channels = channels

    def __call__(self, x, noise_level, cond):
        self.calls, self.images = self.calls + 1, self.images + len(x)
        c = cond.vector[:, :1, None, None]
        y = torch.tanh(x) * (1 + c) + c
        return torch.cat([y] * self.channels, dim=1)


@pytest.fixture
def x():
    return torch.randn(3, 4, 2, 2, generator=torch.Generator().manual_seed(0))


COND = Cond(vector=torch.tensor([[0.3], [-0.5], [0.9]]))
SOME = Cond(vector=torch.tensor([[0.2], [0.8], [-0.4]]))  # one of two conditions
NONE = Cond(vector=torch.zeros(3, 1))
VP = PROCESSES["VPCosine"]


def pair(weight: float) -> list[tuple[float, Cond]]:
    return list(zip(weights.coefficients([weight]), [NONE, COND], strict=True))


def estimate(weight: float, x, predicts: str = "eps", t: float = 0.4) -> Estimate:
    return classifier_free(Denoiser(Network(), VP, predicts), pair(weight))(x, t)[0]


@pytest.mark.parametrize(("weight", "branch"), [(1.0, COND), (0.0, NONE), (1, COND)])
def test_the_ends_are_exactly_one_branch(weight, branch, x):
    network = Network()
    denoiser = Denoiser(network, VP, "v")
    found, other = classifier_free(denoiser, pair(weight))(x, 0.4)
    assert (network.calls, network.images) == (1, 3)  # the other branch is not evaluated
    plain = denoiser(x, 0.4, branch)
    assert torch.equal(found.x0, plain.x0)
    assert torch.equal(found.eps, plain.eps)
    assert found is other


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
    found, at = estimate(3.0, x, predicts), level(VP, 0.4)
    torch.testing.assert_close(at.alpha * found.x0 + at.sigma * found.eps, x, rtol=1e-4, atol=1e-5)


def test_the_chain_rule_of_two_conditions(x):
    """u + 5 (c_1 - u) + 2 (c_12 - c_1), all three branches in one call."""
    network = Network()
    denoiser = Denoiser(network, VP, "v")
    branches = list(zip(weights.coefficients([5.0, 2.0]), [NONE, SOME, COND], strict=True))
    found, last = classifier_free(denoiser, branches)(x, 0.4)
    assert (network.calls, network.images) == (1, 9)
    u, c1, c12 = (denoiser(x, 0.4, cond) for cond in (NONE, SOME, COND))
    for name in ("x0", "eps"):
        a, b, c = (getattr(e, name) for e in (u, c1, c12))
        torch.testing.assert_close(getattr(found, name), a + 5 * (b - a) + 2 * (c - b), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(last.x0, c12.x0)


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ([3.0], [-2.0, 3.0]),
        ([5.0, 2.0], [-4.0, 3.0, 2.0]),
        ([3.0, 3.0], [-2.0, 0.0, 3.0]),  # equal weights are one
        ([1.0, 1.0, 1.0], [0.0, 0.0, 0.0, 1.0]),  # plain conditional
        ([0.0, 0.0], [1.0, 0.0, 0.0]),
        ([1.0, 4.0], [0.0, -3.0, 4.0]),
        ([], [1.0]),
    ],
)
def test_coefficients(given, wanted):
    assert weights.coefficients(given) == wanted


def test_coefficients_add_up_to_one():
    for given in itertools.product([0.0, 0.3, 1.0, 2.7, 7.1], repeat=3):
        assert sum(weights.coefficients(given)) == pytest.approx(1)


def test_each_image_is_guided_by_its_own_condition(x):
    whole = estimate(2.0, x)
    for n in range(3):
        denoiser = Denoiser(Network(), VP, "eps")
        parts = [(-1.0, Cond(vector=torch.zeros(1, 1))), (2.0, Cond(vector=COND.vector[n : n + 1]))]
        alone = classifier_free(denoiser, parts)(x[n : n + 1], 0.4)[0]
        torch.testing.assert_close(alone.x0[0], whole.x0[n])


def test_the_learned_variance_is_the_conditional_one(x):
    denoiser = Denoiser(Network(channels=2), VP, "eps", learned_variance=True)
    found, conditional = classifier_free(denoiser, pair(2.0))(x, 0.4)
    torch.testing.assert_close(found.fraction, denoiser(x, 0.4, COND).fraction)
    assert conditional.fraction is found.fraction


@pytest.mark.parametrize("share", [0.0, 0.7, 1.0])
def test_rescaling_is_that_of_diffusers_on_x0(share, x):
    """Lin et al.'s formula by an independent implementation; eps follows from x_0."""
    guided = classifier_free(Denoiser(Network(), VP, "v"), pair(4.0))
    (plain, conditional), found, at = guided(x, 0.4), rescaled(guided, VP, share)(x, 0.4), level(VP, 0.4)
    torch.testing.assert_close(found.x0, rescale_noise_cfg(plain.x0, conditional.x0, share))
    torch.testing.assert_close(at.alpha * found.x0 + at.sigma * found.eps, x, rtol=1e-4, atol=1e-5)
    assert torch.equal(found.x0, plain.x0) == (share == 0)


def test_rescaled_entirely_an_image_has_the_contrast_of_the_conditional_one(x):
    guided = classifier_free(Denoiser(Network(), VP, "v"), pair(6.0))
    found = rescaled(guided, VP, 1.0)(x, 0.4)
    torch.testing.assert_close(found.x0.flatten(1).std(1), guided(x, 0.4)[1].x0.flatten(1).std(1))
    alone = rescaled(
        classifier_free(Denoiser(Network(), VP, "v"), [(w, c.map(lambda v: v[1:2])) for w, c in pair(6.0)]), VP, 1.0
    )
    torch.testing.assert_close(alone(x[1:2], 0.4).x0, found.x0[1:2], msg="an image is rescaled by itself")


def test_rescaling_leaves_one_branch_and_a_flat_image_alone(x):
    plain = classifier_free(Denoiser(Network(), VP, "v"), pair(1.0))
    assert torch.equal(rescaled(plain, VP, 1.0)(x, 0.4).x0, plain(x, 0.4)[0].x0)
    flat, other = Estimate(torch.zeros_like(x), x), Estimate(x, x)
    assert rescaled(lambda x, t: (flat, other), VP, 1.0)(x, 0.4).x0.isfinite().all()


def test_guidance_is_on_in_its_interval_alone(x):
    network = Network()
    denoiser = Denoiser(network, VP, "v")
    guided = classifier_free(denoiser, pair(3.0))
    plain = lambda x, t: denoiser(x, t, COND)  # noqa: E731
    found = within((0.2, 0.6), rescaled(guided, VP, 0.0), plain)
    for t, images in [(0.1, 3), (0.2, 6), (0.4, 6), (0.6, 6), (0.7, 3), (1.0, 3)]:
        network.images = 0
        x0 = found(x, t).x0
        assert network.images == images, t
        wanted = guided(x, t)[0] if images == 6 else plain(x, t)
        assert torch.equal(x0, wanted.x0), t


@pytest.mark.parametrize("name", SAMPLERS)
@pytest.mark.parametrize("interval", [(0.0, 1.0), (0.25, 0.8), (0.0, 0.5), (0.9, 1.0)])
def test_the_cost_is_what_the_network_sees(name, interval, x):
    """Counted by a network, for every sampler and one, two and three branches."""
    settings = SamplingConfig(sampler=SAMPLERS[name](), steps=7, interval=interval)
    for given in ([], [3.0], [3.0, 2.0]):
        network = Network(channels=2)
        denoiser = Denoiser(network, VP, "v", learned_variance=True)
        conds = [NONE, SOME, COND][-len(given) - 1 :]
        guided = classifier_free(denoiser, list(zip(weights.coefficients(given), conds, strict=True)))
        denoise = within(interval, rescaled(guided, VP, 0.0), lambda x, t: denoiser(x, t, COND))  # noqa: B023
        grid = settings.grid.times(VP, settings.steps)
        for _ in trajectory(denoise, VP, settings.sampler, x, grid, lambda: torch.zeros_like(x)):
            pass
        assert evaluations(VP, settings, 1 + len(given)) == network.images / len(x)
    assert len(times(VP, settings)) == settings.sampler.evaluations(settings.steps)


def test_autoguidance_goes_from_the_weaker_to_the_stronger(x):
    good, bad = Estimate(x, 2 * x, x), Estimate(-x, x.flip(0))
    calls = []
    strong, weak = (
        lambda x, t, name=name, e=e: calls.append(name) or e for name, e in (("strong", good), ("weak", bad))
    )
    found, conditional = autoguidance(strong, weak, 2.5)(x, 0.4)
    torch.testing.assert_close(found.x0, -x + 2.5 * (x + x))
    torch.testing.assert_close(found.eps, bad.eps + 2.5 * (good.eps - bad.eps))
    assert found.fraction is x
    assert conditional is good
    assert calls == ["strong", "weak"]
    assert autoguidance(strong, weak, 1.0)(x, 0.4)[0] is good
    assert autoguidance(strong, weak, 0.0)(x, 0.4)[0] is bad
    assert calls[2:] == ["strong", "weak"], "each end evaluates one model"


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("3", 3.0),
        (3, 3.0),
        ("text=5,mask=2", (("text", 5.0), ("mask", 2.0))),
        (" mask = 2 , text=5", (("mask", 2.0), ("text", 5.0))),
        ({"text": 5, "mask": 2}, (("text", 5.0), ("mask", 2.0))),
        ((("text", 5.0),), (("text", 5.0),)),
    ],
)
def test_weights_as_they_are_given(given, wanted):
    assert weights.read(given) == wanted


@pytest.mark.parametrize("given", ["three", "text=", "text=5,mask", "text:5", ""])
def test_weights_that_are_none(given):
    with pytest.raises(InputError, match="give one weight, for example --guidance 3, or one for each condition"):
        weights.read(given)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"guidance": -1.0}, "a guidance weight of -1.0: it must be 0 or more"),
        ({"guidance": math.nan}, "a guidance weight of nan: it must be"),
        ({"guidance": math.inf}, "a guidance weight of inf: it must be 0 or more, and finite"),
        ({"guidance": (("text", 5.0), ("mask", -2.0))}, "a guidance weight of -2.0 for mask: it must be 0 or more"),
        ({"guidance": (("text", 5.0), ("text", 2.0))}, "guidance text=5, text=2: give each condition one weight, once"),
        ({"guidance": ()}, "guidance without any weight"),
        ({"guidance": (("", 2.0),)}, "give each condition one weight"),
        (
            {"interval": (0.8, 0.1)},
            "a guidance interval from 0.8 to 0.1: give two times between 0 (clean) and 1 (noise), the smaller first",
        ),
        ({"interval": (-0.1, 0.5)}, "a guidance interval from -0.1 to 0.5"),
        ({"interval": (0.5, 1.5)}, "a guidance interval from 0.5 to 1.5"),
        ({"interval": (math.nan, 1.0)}, "a guidance interval from nan to 1"),
        ({"rescale": 1.2}, "a rescaling of guidance by 1.2: give 0 (none) to 1"),
        ({"rescale": math.nan}, "a rescaling of guidance by nan"),
    ],
)
def test_settings_that_cannot_be(changes, sentence):
    with pytest.raises(InputError) as caught:
        SamplingConfig(**changes)
    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    ("assignment", "name", "value"),
    [
        ("guidance=3", "guidance", 3.0),
        ("guidance=text=5,mask=2", "guidance", (("text", 5.0), ("mask", 2.0))),
        ("guidance=prompt=4", "guidance", (("prompt", 4.0),)),
        ("interval=0.1,0.8", "interval", (0.1, 0.8)),
        ("rescale=0.7", "rescale", 0.7),
    ],
)
def test_settings_by_set(assignment, name, value):
    assert getattr(override(SamplingConfig(), assignment), name) == value


@pytest.mark.parametrize(
    "assignment", ["guidance=text=5,mask", "guidance=much", "interval=0.1", "interval=0.1,0.2,0.3", "guidance=text=-1"]
)
def test_settings_by_set_that_cannot_be(assignment):
    with pytest.raises(InputError, match="guidance|interval"):
        override(SamplingConfig(), assignment)


def test_the_churn_asks_at_raised_times():
    """Heun's churn moves t up before it asks: the interval counts by the times that are asked."""
    settings = SamplingConfig(sampler=Heun(churn=0.4), steps=5, interval=(0.0, 0.8))
    grid = settings.grid.times(VP, 5)
    asked = times(VP, settings)
    assert 0.8 in grid
    assert any(t > u for t, u in zip(asked[2::2], grid[1:], strict=False))
    assert evaluations(VP, settings, 2) == len(asked) + sum(t <= 0.8 for t in asked)


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
