"""The numbers of the panels, against the package's mathematics and against independent formulas."""

import math

import pytest
import torch
from lessons import chained
from scipy import stats

from debruit.diffusion.bound import bound
from debruit.diffusion.chain import Chain
from debruit.lecture.chains import chain_of
from debruit.lecture.forward import forward
from debruit.lecture.reverse import reverse
from debruit.lecture.samplers import samplers
from debruit.lecture.schedules import schedules
from debruit.lecture.study import begin
from debruit.lecture.terms import terms
from debruit.lecture.walk import walk


@pytest.mark.parametrize("which", ["study", "flowing"])
def test_the_forward_chain_is_consistent(which, request):
    """x_t = sqrt(abar) x_0 + sqrt(1 - abar) eps holds for the truth and for what the model believes; mu~ is the
    textbook's."""
    study = request.getfixturevalue(which)
    panel, chain = forward(study), study.chain.chain
    abar = chain.abar[panel.steps].float().reshape(-1, 1, 1, 1)
    torch.testing.assert_close(panel.x_t, abar.sqrt() * panel.x0 + (1 - abar).sqrt() * panel.eps, rtol=1e-4, atol=1e-5)
    believed = abar.sqrt() * panel.x0_hat + (1 - abar).sqrt() * panel.eps_hat
    torch.testing.assert_close(panel.x_t, believed, rtol=1e-3, atol=2e-4)
    before = chain.abar[[i - 1 for i in panel.steps]].float().reshape(-1, 1, 1, 1)
    alpha = abar / before
    for clean, mean in ((panel.x0, panel.posterior), (panel.x0_hat, panel.mean)):
        a, b = before.sqrt() * (1 - alpha) / (1 - abar), alpha.sqrt() * (1 - before) / (1 - abar)
        torch.testing.assert_close(mean, a * clean + b * panel.x_t, rtol=1e-3, atol=1e-4)


def test_the_estimate_in_the_chains_coordinates_is_the_models(flowing):
    """x of the chain times its scale is x of the process: the model is asked at its own time and scale."""
    i = torch.tensor([7])
    x = torch.randn(1, *flowing.x0.shape[1:])
    t = float(flowing.chain.times[7])
    cond = flowing.cond(1, True)
    with torch.inference_mode():
        theirs = flowing.model.backbone.denoiser()(x * math.hypot(1 - t, t), t, cond)
    torch.testing.assert_close(flowing.estimate(x, i).x0, theirs.x0, rtol=1e-5, atol=1e-5)


def test_walkers_follow_the_closed_form():
    """Kolmogorov and Smirnov: the walkers of a pixel are a sample of q(x_t | x_0), at every step that is kept."""
    chain = Chain(steps=200)
    panel = walk(chain, [1, 50, 120, 200], walkers=4000, seed=1)
    torch.testing.assert_close(panel.signal, chain.abar[[1, 50, 120, 200]].sqrt(), rtol=1e-12, atol=0)
    for k in range(4):
        closed_form = stats.norm(0.7 * float(panel.mean[k]), float(panel.variance[k]) ** 0.5)
        assert stats.kstest(panel.started_at(0.7)[k].numpy(), closed_form.cdf).pvalue > 1e-3
        shifted = stats.norm(0.6 * float(panel.mean[k]) + 0.2, float(panel.variance[k]) ** 0.5)
        assert stats.kstest(panel.started_at(0.7)[k].numpy(), shifted.cdf).pvalue < 1e-3, "the test can fail"


def test_walking_from_a_value_is_walking_from_zero_moved():
    """The chain is linear: with the same noise, started_at(v) is the walk that starts at v."""
    chain, noise = Chain(steps=20), torch.randn(20, 50, dtype=torch.float64)
    x, zero = torch.full((50,), 0.3, dtype=torch.float64), torch.zeros(50, dtype=torch.float64)
    signal = torch.ones((), dtype=torch.float64)
    for i in range(1, 21):
        x, zero = chain.q_step(x, i).sample(noise[i - 1]), chain.q_step(zero, i).sample(noise[i - 1])
        signal = chain.q_step(signal, i).mean
    torch.testing.assert_close(x, zero + 0.3 * signal, rtol=1e-12, atol=1e-12)


def test_every_schedule_is_shown_and_the_models_own_is_marked_once(study, flowing):
    for one, name in ((study, "Cosine *"), (flowing, "Flow")):
        curves = schedules(one)
        assert {"Linear", "Cosine", "ScaledLinear", "Flow", "VE", "VPCosine"} <= {c.name for c in curves}
        assert [c.name for c in curves if c.model] == [name]
        for c in curves:
            torch.testing.assert_close(c.signal**2, c.abar)
            torch.testing.assert_close(c.images[0], one.x0[0], msg="t = 0 is the image")


@pytest.mark.parametrize("which", ["study", "flowing"])
def test_the_bound_by_strata_is_the_bound(which, request):
    """With one step a stratum the estimate has the mean of the whole bound: 40 draws of it, within four standard
    errors."""
    study = request.getfixturevalue(which)
    chain, t = study.chain.chain, study.chain.chain.steps
    panel = terms(study, strata=t, draws=40)
    assert panel.counts.tolist() == [1] * (t - 1)
    x0 = study.x0.expand(40, *study.x0.shape[1:])

    def whole(variance):
        with torch.inference_mode():
            noise = study.noise(40)
            return bound(lambda x, u: study.estimate(x, (u * t).round().long()), chain, x0, noise, variance=variance)

    exact = whole("posterior")
    decoder = exact.decoder if study.chain.own else whole("beta").decoder
    total = exact.total - exact.decoder + decoder
    spread = math.hypot(panel.total_error, float(total.std()) / math.sqrt(40))
    assert panel.total == pytest.approx(float(total.mean()), abs=4 * spread)
    assert panel.prior == pytest.approx(float(exact.prior[0]))
    assert panel.bits(panel.total) == pytest.approx(panel.total / (64 * math.log(2)))


def test_coarse_strata_do_not_shift_the_sum(study):
    """Two strata over eleven steps have the sum of eleven strata of one step, within four standard errors."""
    exact, coarse = terms(study, strata=99, draws=100), terms(study, strata=2, draws=300)
    assert len(exact.counts) == 11
    assert len(coarse.counts) == 2
    assert coarse.counts.sum() == exact.counts.sum()
    error = math.hypot(coarse.total_error, exact.total_error)
    assert coarse.total == pytest.approx(exact.total, abs=4 * error)
    assert error < 0.2 * exact.total, "the test can fail"


def test_the_simple_loss_times_its_weight_is_the_term(study):
    """With the lecture's variance L_{t-1} = weight ||eps - eps_theta||^2 exactly, draw by draw."""
    panel = terms(study, strata=99, draws=6)
    torch.testing.assert_close(panel.nats, panel.weight * panel.simple * panel.dimensions, rtol=1e-3, atol=1e-6)


def test_samplers_keep_to_their_budgets_and_the_ode_has_one_end(study):
    table = samplers(study, budgets=(1, 12))
    by_name = {row.name: row for row in table.rows}
    assert {"ancestral", "ddim", "heun", "dpmpp_2m"} <= set(by_name)
    for row in table.rows:
        for budget, cell in zip(table.budgets, row.cells, strict=True):
            assert cell is None or cell.evaluations <= budget
    heun = by_name["heun"].cells[1]
    assert (heun.steps, heun.evaluations) == (3, 10), "five times both branches of guidance"
    flags = [row.stochastic for row in table.rows]
    assert flags == sorted(flags), "deterministic first"
    assert all(cell.distance >= 0 for row in table.rows for cell in row.cells if cell)


def test_the_learned_variance_is_used(study):
    """A network that learned its variance shows it, pixel by pixel, between beta~ and beta."""
    learned = begin(chained(learned_variance=True), label=3, seed=5)
    assert learned.variance == "learned"
    panel = forward(learned)
    assert panel.variance.shape == panel.x_t.shape
    assert torch.isfinite(panel.variance).all()
    assert reverse(learned, images=1).printed.x_next.isfinite().all()
    assert forward(study).variance.shape[1:] == (1, 1, 1)


def test_chains_of_one_and_two_steps(monkeypatch):
    for steps in (1, 2):
        tiny_chain = begin(chained(steps), label=1)
        assert forward(tiny_chain).steps == list(range(1, steps + 1))
        assert math.isfinite(terms(tiny_chain).total)
        assert reverse(tiny_chain).printed.x_next.shape[0] == steps


def test_chain_of_takes_the_steps_it_is_given(flowing):
    assert flowing.chain.chain.steps == 12
    assert chain_of(flowing.model.config.process, 7).chain.steps == 7
