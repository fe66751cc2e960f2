"""bits/dim of models whose law is known, on data whose entropy is known; the gap; what is refused."""

import itertools
import math
from dataclasses import replace

import exact
import numpy as np
import pytest
import tiny
import torch
from torch.distributions import Normal

import judging_latent
from debruit.data.dataset import Dataset
from debruit.data.split import split
from debruit.diffusion.bound import log_density
from debruit.diffusion.chain import Chain, Cosine
from debruit.diffusion.gaussian import Gaussian
from debruit.diffusion.processes.tabulated import Tabulated
from debruit.errors import InputError
from debruit.evaluation import likelihood, nll
from debruit.evaluation.likelihood import bound_bits, measure, strata_of
from debruit.models.diffusion import Model

MEAN, STD = 0.1, 0.2
CHAIN = Tabulated(chain=Chain(schedule=Cosine(), steps=200))


def entropy() -> float:
    """Bits of one value of N(MEAN, STD^2) rounded to 8 bits."""
    mass = Normal(MEAN, STD).cdf(torch.linspace(-1 - 1 / 255, 1 + 1 / 255, 257, dtype=torch.float64)).diff()
    return float(-(mass * mass.clamp(min=1e-300).log2()).sum())


def gaussian_model(data, process=None) -> Model:
    return exact.model(data.spec, torch.full((1, 1, 2, 2), MEAN), STD, process)


def last(model, data, **options):
    found = None
    for found in measure(model, data, **({"training": np.arange(0), "held_out": np.arange(len(data))} | options)):
        pass
    assert found is not None
    return found


@pytest.mark.parametrize("process", [None, CHAIN], ids=["Flow", "chain"])
def test_the_ode_costs_the_entropy_of_gaussian_data(process):
    data = exact.gaussian_data(600, MEAN, STD)
    found = last(gaussian_model(data, process), data, count=300, batch=300)
    assert found.train is None
    assert found.unit == "bits/dim"
    assert abs(found.held_out.mean - entropy()) < 4 * found.held_out.standard_error
    assert found.held_out.standard_error < 0.06
    assert found.held_out.error.max() < 1e-3


@pytest.mark.parametrize(("variance", "most"), [("beta", 0.1), (None, 1.0)])
def test_the_bound_lies_above_the_entropy_and_near_it(variance, most):
    """With beta, nearly the variance of the exact reverse step of such data, the bound is tight; the usual beta~ is
    that of a known x_0, smaller in the first steps, and costs more."""
    data = exact.gaussian_data(600, MEAN, STD)
    model = gaussian_model(data, CHAIN)
    found = last(model, data, method="bound", count=600, batch=300, strata=40, variance=variance)
    above = found.held_out.mean - entropy()
    assert -4 * found.held_out.standard_error < above < most
    whole = model.bound(data.batch(np.arange(600))["image"], variance=variance).bits_per_dim  # every step of the chain
    deviation = math.hypot(found.held_out.standard_error, float(whole.std()) / 600**0.5)
    assert abs(found.held_out.mean - float(whole.mean())) < 4 * deviation
    rows = {score.label: score.value for score in nll.scores(found)}
    parts = rows["L_T, this data"] + rows["sum of L_(t-1), this data"] + rows["L_0, this data"]
    assert parts == pytest.approx(rows["bits/dim (bound), this data"])


def test_strata_are_unbiased():
    """The mean over many draws of one step a stratum is the sum over all steps."""
    data = exact.gaussian_data(1, MEAN, STD)
    images = Dataset(replace(data.spec, count=3000), np.repeat(data.images, 3000, 0), paths=[""] * 3000)
    model = gaussian_model(data, Tabulated(chain=Chain(schedule=Cosine(), steps=30)))
    chain = model.config.process.chain
    coarse = bound_bits(model, images, np.arange(3000), strata_of(chain, 5), seed=1).total
    fine = bound_bits(model, images, np.arange(3000), strata_of(chain, 30), seed=2).total
    assert coarse.std() > fine.std()
    assert abs(coarse.mean() - fine.mean()) < 4 * math.hypot(coarse.std(), fine.std()) / 3000**0.5


@pytest.mark.parametrize(("steps", "most"), [(1, 8), (2, 8), (8, 8), (9, 8), (1000, 64), (1000, 2), (1000, 1)])
def test_strata_cut_the_chain_without_gaps(steps, most):
    strata = strata_of(Chain(schedule=Cosine(), steps=steps), most)
    assert [i for stratum in strata for i in stratum] == list(range(1, steps + 1))
    assert strata[0] == range(1, 2), "L_0 is of another kind"
    assert len(strata) <= max(most, 2)
    assert all(len(a) <= len(b) + 1 for a, b in itertools.pairwise(strata))


def test_the_curve_by_step_falls_from_its_start():
    data = exact.gaussian_data(64, MEAN, STD)
    found = last(gaussian_model(data, CHAIN), data, method="bound", count=64, strata=20)
    curve = nll.curve(found, "held_out")
    assert curve.first[0] == curve.last[0] == 1
    assert curve.last[-1] == 200
    total = (curve.mean * (curve.last - curve.first + 1)).sum() + found.held_out.terms[:, 0].mean()
    assert total == pytest.approx(found.held_out.mean)
    assert curve.mean[-1] < curve.mean[1] / 10
    assert nll.curve(found, "train") is None
    assert nll.curve(last(gaussian_model(data), data, count=2), "held_out") is None


def test_a_model_that_remembers_its_images_has_a_gap_and_another_has_none():
    digits = tiny.run().source.build()
    training, held_out = split(len(digits), 100, seed=0)
    fitted = last(
        exact.remembering(digits, training[:60], std=0.1),
        digits,
        training=training[:60],
        held_out=held_out,
        count=8,
        steps=12,
    )
    gap = nll.scores(fitted)[-1]
    assert gap.label == "bits/dim (ODE), gap"
    assert gap.low > 0.5
    assert "it has overfitted" in gap.note
    data = exact.gaussian_data(200, MEAN, STD)
    parts = {"training": np.arange(100), "held_out": np.arange(100, 200)}
    honest = nll.scores(last(gaussian_model(data), data, count=100, **parts))[-1]
    assert honest.low < 0 < honest.high
    assert "overfitting is not detectable" in honest.note


def randomised(**changes) -> Model:
    torch.manual_seed(0)
    config = replace(tiny.run().model, **changes)
    backbone = config.build()
    for p in backbone.parameters():
        torch.nn.init.normal_(p, std=0.2)
    return Model(config, backbone)


def relabelled(data: Dataset, names, labels) -> Dataset:
    return Dataset(replace(data.spec, class_names=names), data.images, paths=data.paths, labels=labels)


def test_each_image_keeps_its_own_label_by_name():
    model, digits = randomised(), tiny.run().source.build()
    options = {"held_out": np.arange(6), "count": 6, "steps": 3}
    found = last(model, digits, **options)
    assert found.condition == "given each image's own label"
    backwards = relabelled(digits, digits.spec.class_names[::-1], 9 - digits.labels)
    assert last(model, backwards, **options).held_out.total == pytest.approx(found.held_out.total, rel=1e-6)
    wrong = relabelled(digits, digits.spec.class_names, (digits.labels + 1) % 10)
    assert not np.allclose(last(model, wrong, **options).held_out.total, found.held_out.total, rtol=1e-6)
    unknown = relabelled(digits, tuple("abcdefghij"), digits.labels)
    dropped = last(model, unknown, **options)
    assert dropped.condition == "without a label, which this data lacks or names differently"
    assert not np.allclose(dropped.held_out.total, found.held_out.total, rtol=1e-6)


@pytest.mark.parametrize("method", ["likelihood", "bound"])
def test_an_image_is_the_same_in_any_batch_and_progress_grows(method):
    model = randomised(process=Tabulated(chain=Chain(schedule=Cosine(), steps=12)), predicts="v")
    digits = tiny.run().source.build()
    parts = {"training": np.arange(100), "held_out": np.arange(100, 107), "steps": 2, "count": 8, "strata": 6}
    reports = list(measure(model, digits, method=method, batch=3, **parts))
    assert [r.done for r in reports] == [3, 6, 9, 12, 14, 15]
    assert all(r.total == 15 for r in reports)
    whole = list(measure(model, digits, method=method, batch=32, **parts))[-1]
    np.testing.assert_allclose(reports[-1].held_out.total, whole.held_out.total, rtol=1e-4)
    np.testing.assert_allclose(reports[-1].train.total, whole.train.total, rtol=1e-4)
    assert len(whole.train) == 8
    assert len(whole.held_out) == 7


def test_float_data_have_a_density_and_no_bits():
    data = exact.gaussian_data(50, MEAN, STD)
    values = data.spec.to_model(torch.from_numpy(data.images)).numpy()
    spec = replace(data.spec, depth="float32", low=-1.0, high=1.0)
    model = exact.model(spec, torch.full((1, 1, 2, 2), MEAN), STD)
    found = last(model, Dataset(spec, values, paths=data.paths), count=50)
    assert found.unit == "bits/dim of the density"
    differential = 0.5 * math.log2(2 * math.pi * math.e * STD**2)
    assert abs(found.held_out.mean - differential) < 4 * found.held_out.standard_error
    with pytest.raises(InputError, match="counts the bits of 8-bit pixels"):
        last(
            Model(replace(model.config, process=CHAIN), model.backbone),
            Dataset(spec, values, paths=data.paths),
            method="bound",
        )


def halved(data, process=None) -> Model:
    """The exact model of the Gaussian data's latents under a codec that halves each pixel."""
    exactly = exact.model(data.spec, torch.full((1, 1, 2, 2), MEAN / 2), STD / 2, process)
    config = replace(exactly.config, codec=judging_latent.Halved())
    return Model(config, exactly.backbone, codec=config.codec.build(1))


def test_the_bound_of_latents_lies_above_their_entropy_and_near_it():
    """The differential entropy of N(., (STD / 2)^2), in bits; the ODE's density is the same quantity."""
    data = exact.gaussian_data(600, MEAN, STD)
    model = halved(data, CHAIN)
    found = last(model, data, method="latent-bound", count=600, batch=300, strata=40, variance="beta")
    differential = 0.5 * math.log2(2 * math.pi * math.e * (STD / 2) ** 2)
    above = found.held_out.mean - differential
    assert -4 * found.held_out.standard_error < above < 0.1
    assert found.unit == "bits/dim of the latents' density"
    rows = {score.label: score for score in nll.scores(found)}
    total = rows["bits/dim of the latents' density (bound), this data"]
    assert "of the mean of each image's latents, and not of its pixels" in total.note
    parts = ("L_T, this data", "sum of L_(t-1), this data", "L_0, this data")
    assert sum(rows[name].value for name in parts) == pytest.approx(total.value)
    assert rows["L_0, this data"].value < 0, "a narrow density is above 1"
    ode = last(model, data, count=300, batch=300)
    assert ode.unit == found.unit
    assert abs(ode.held_out.mean - differential) < 4 * ode.held_out.standard_error


def test_the_density_of_the_last_step_is_the_normal_density():
    x, mean, variance = (
        torch.rand(2, 5, generator=torch.Generator().manual_seed(n), dtype=torch.float64) for n in range(3)
    )
    found = log_density(x, Gaussian(mean, variance))
    torch.testing.assert_close(found, Normal(mean, variance.sqrt()).log_prob(x))


def test_bits_of_a_latent_model_are_not_defined_by_its_chain():
    data = exact.gaussian_data(20, MEAN, STD)
    with pytest.raises(
        InputError, match="not defined by its chain alone.*: latent-bound, the bound of its latents, is reported"
    ):
        last(halved(data, CHAIN), data, method="bound")
    with pytest.raises(
        InputError, match="not defined by its chain alone.*: likelihood, that of its latents by the ODE, is reported"
    ):
        last(halved(data), data, method="bound")
    with pytest.raises(InputError, match="this model's process is Flow"):
        last(halved(data), data, method="latent-bound")
    with pytest.raises(InputError, match="this model works on pixels, not on latents: ask for bound"):
        last(gaussian_model(data, CHAIN), data, method="latent-bound")


def test_bad_requests_get_a_sentence():
    data = exact.gaussian_data(20, MEAN, STD)
    model = gaussian_model(data)
    with pytest.raises(
        InputError,
        match=r"this model's process is Flow, in continuous time: ask for likelihood, that of the probability-flow ODE",
    ):
        last(model, data, method="bound")
    with pytest.raises(InputError, match="no image was given to measure the likelihood of"):
        last(model, data, held_out=np.arange(0))
    with pytest.raises(InputError, match="a mean with its error needs at least 2 images"):
        last(model, data, count=1)
    with pytest.raises(InputError, match="digits has images of 8 x 8 pixels"):
        last(model, tiny.run().source.build(), held_out=np.arange(3))


def test_what_the_steps_cost_is_reported_when_it_matters():
    data = exact.gaussian_data(30, MEAN, 0.02)
    model = exact.model(data.spec, torch.full((1, 1, 2, 2), MEAN), 0.02)
    coarse = nll.scores(last(model, data, count=30, steps=2))[0]
    assert "the steps of the ODE cost up to" in coarse.note
    assert "the steps" not in nll.scores(last(model, data, count=30, steps=30))[0].note
    assert likelihood.standard_error(np.array([1.0])) == math.inf
