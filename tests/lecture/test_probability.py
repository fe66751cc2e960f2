"""The theorems on known data: against the same formulas in NumPy, integrals by SciPy, and samples."""

import json
import math

import numpy as np
import pytest
import torch
from lessons import Unshuffled, chained, fresh
from scipy import integrate, stats
from test_page import browser, opened, page, reading  # noqa: F401 - browser is a fixture

from debruit.diffusion.chain import Chain, Cosine
from debruit.lecture import figures
from debruit.lecture.chapters.probability import CHAPTER
from debruit.lecture.mixture import Mixture, expected_clean, joint_density, posterior, reverse
from debruit.lecture.probability import TWO_LEVELS, probability, theorems, trajectories
from debruit.lecture.study import begin
from debruit.rng import Purpose, stream

W, M, V = np.array([0.3, 0.7]), np.array([-0.8, 0.5]), np.array([0.01, 0.01])
ABARS = [(0.83, 0.31), (0.9999, 0.9997), (0.5, 1e-4), (1.0, 0.6), (0.2, 0.0)]  # (abar_s, abar_t)


def q(x, abar):
    """q(x_t), the textbook's sum."""
    x = np.asarray(x)[..., None]
    return (W * stats.norm.pdf(x, np.sqrt(abar) * M, np.sqrt(abar * V + 1 - abar))).sum(-1)


def step(x_t, x_s, before, after):
    return stats.norm.pdf(x_t, np.sqrt(after / before) * x_s, np.sqrt(1 - after / before))


@pytest.mark.parametrize(("before", "after"), ABARS)
def test_both_sides_of_each_theorem(before, after):
    x_0 = 0.45
    x_t = math.sqrt(after) * x_0 + 0.7 * math.sqrt(1 - after)
    x_s = math.sqrt(before) * x_0 + 0.3 * math.sqrt(1 - before)
    both = theorems(TWO_LEVELS, before, after, x_s=x_s, x_t=x_t, x_0=x_0)
    bayes = step(x_t, x_s, before, after) * q(x_s, before) / q(x_t, after)
    assert both.bayes == pytest.approx((bayes, bayes), rel=1e-9)
    spread = math.sqrt(before / max(after, 1e-9) * (1 - after / before))
    near = [x_t * math.sqrt(before / max(after, 1e-9)) + k * spread for k in (-6, -1, 0, 1, 6)] if spread < 1 else M
    integral, _ = integrate.quad(
        lambda x: step(x_t, x, before, after) * q(x, before), -9, 9, points=sorted(near), limit=400, epsabs=1e-12
    )
    assert both.marginal == pytest.approx((integral, integral), rel=1e-8)
    joint = step(x_t, x_s, before, after) * q(x_s, before)
    assert both.conditional == pytest.approx((joint, joint), rel=1e-9)
    if before == 1:
        assert both.markov is None
    else:
        assert both.markov == pytest.approx((step(x_t, x_s, before, after),) * 2, rel=1e-6)


@pytest.mark.parametrize(("before", "after"), ABARS)
def test_the_reverse_conditional_is_the_joint_over_the_marginal(before, after):
    exact = reverse(TWO_LEVELS, before, after, 0.2)
    xs = exact.grid()
    joint = step(0.2, xs.numpy(), before, after) * q(xs.numpy(), before)
    np.testing.assert_allclose(exact.density(xs).numpy(), joint / q(0.2, after), rtol=1e-6, atol=1e-9)
    assert float(torch.trapezoid(exact.density(xs), xs)) == pytest.approx(1, rel=1e-9)
    np.testing.assert_allclose(
        joint_density(TWO_LEVELS, before, after, xs, torch.full_like(xs, 0.2)).numpy(), joint, rtol=1e-5, atol=1e-9
    )


def test_given_the_clean_value_the_step_back_needs_no_data():
    """Both textbook coefficients, and the posterior is the reverse conditional of data that are one point."""
    chain = Chain(schedule=Cosine(), steps=50)
    for s, t in ((19, 20), (5, 30)):
        before, after = float(chain.abar[s]), float(chain.abar[t])
        mean, variance = posterior(before, after, 0.5, -0.3)
        point = Mixture(
            weights=torch.ones(1).double(), means=torch.tensor([0.5]).double(), variances=torch.zeros(1).double()
        )
        moments = reverse(point, before, after, -0.3).moments
        assert (mean, variance) == pytest.approx((float(moments.mean), float(moments.variance)), rel=1e-9)
    one = chain.posterior(torch.tensor([0.5]).double(), torch.tensor([-0.3], dtype=torch.float64), 20)
    mean, variance = posterior(float(chain.abar[19]), float(chain.abar[20]), 0.5, -0.3)
    assert (mean, variance) == pytest.approx((float(one.mean), float(one.variance)), rel=1e-9)


def test_a_small_step_back_is_nearly_a_gaussian_and_a_long_one_is_not():
    chain = Chain()
    far = [reverse(TWO_LEVELS, float(chain.abar[334 - jump]), float(chain.abar[334]), 0.0) for jump in (1, 20, 200)]
    divergences = [one.divergence for one in far]
    assert divergences[0] < divergences[1] < 1e-4
    assert divergences[2] > 0.02
    xs, moments = far[2].grid().numpy(), far[2].moments
    density = far[2].density(far[2].grid()).numpy()
    gaussian = stats.norm(float(moments.mean), float(moments.variance) ** 0.5)
    kl = np.trapezoid(np.where(density > 1e-200, density * (np.log(density + 1e-300) - gaussian.logpdf(xs)), 0), xs)
    assert divergences[2] == pytest.approx(kl, rel=1e-6)


def test_the_best_estimate_is_the_mean_of_the_clean_values():
    abar, x_t = 0.4, torch.tensor([-1.0, 0.1, 0.9], dtype=torch.float64)
    xs = np.linspace(-2, 2, 20001)
    for x, ours in zip(x_t.tolist(), expected_clean(TWO_LEVELS, abar, x_t).tolist(), strict=True):
        weights = q(xs, 1.0) * stats.norm.pdf(x, np.sqrt(abar) * xs, np.sqrt(1 - abar))
        assert ours == pytest.approx((weights * xs).sum() / weights.sum(), rel=1e-6)


def test_the_joint_of_a_trajectory_is_the_product_of_its_steps():
    """log p(x_T) + sum log p_theta(x_{t-1} | x_t), written with the DDPM paper's formulas."""
    chain = Chain(schedule=Cosine(), steps=12)
    paths, log_joint = trajectories(TWO_LEVELS, chain, list(range(1, 13)), stream(Purpose.REVERSE_PATHS, 0, 0))
    x, beta, abar = paths.numpy(), chain.beta.numpy(), np.cumprod(1 - chain.beta.numpy())
    total = stats.norm.logpdf(x[12])
    np.testing.assert_allclose(log_joint[12], total, rtol=1e-9)
    for t in range(12, 0, -1):
        later = abar[t] * V + 1 - abar[t]
        logits = np.log(W) + stats.norm.logpdf(x[t][:, None], np.sqrt(abar[t]) * M, np.sqrt(later))
        r = np.exp(logits - logits.max(1, keepdims=True))
        each = M + np.sqrt(abar[t]) * V / later * (x[t][:, None] - np.sqrt(abar[t]) * M)
        clean = (r * each).sum(1) / r.sum(1)
        mean = (np.sqrt(abar[t - 1]) * beta[t] * clean + np.sqrt(1 - beta[t]) * (1 - abar[t - 1]) * x[t]) / (
            1 - abar[t]
        )
        u = max(t, 2)
        variance = (1 - abar[u - 1]) / (1 - abar[u]) * beta[u]
        total = total + stats.norm.logpdf(x[t - 1], mean, np.sqrt(variance))
        np.testing.assert_allclose(log_joint[t - 1], total, rtol=1e-7)


def test_the_values_of_the_image_are_one_of_the_distributions(study):
    panel = probability(study)
    image = panel.toys[1].data
    values = study.x0.flatten().numpy()
    assert float(image.weights.sum()) == pytest.approx(1)
    assert float((image.weights * image.means).sum()) == pytest.approx(values.mean(), abs=1 / 24)
    counts, edges = np.histogram(values.clip(-1, 1), bins=24, range=(-1, 1))
    np.testing.assert_allclose(image.weights, counts[counts > 0] / len(values), atol=1e-9)
    np.testing.assert_allclose(image.means, ((edges[1:] + edges[:-1]) / 2)[counts > 0], atol=1e-9)
    assert panel.earlier[0].tolist() == [0] * len(panel.jumps)
    torch.testing.assert_close(panel.before, study.chain.chain.abar[panel.earlier])


@pytest.mark.parametrize("kind", ["chain", "continuous", "latent"])
def test_the_numbers_are_json_for_every_model(kind, short):
    model = {"chain": chained, "continuous": fresh, "latent": lambda: fresh(codec=Unshuffled(), data_std=0.25)}[kind]()
    text = json.dumps(CHAPTER.numbers(begin(model, label=3)), allow_nan=False)
    assert len(text) < 300_000


SETTINGS = [(0, 0.83, 0.31, 0.4, 0.0, 0.5), (1, 0.95, 0.9, -0.2, 0.1, -0.7), (0, 1.0, 0.6, 0.45, 0.2, 0.5)]


def test_the_script_computes_the_same_and_every_control_moves_the_panel(browser, study, tmp_path, only):  # noqa: F811
    only("probability")
    tab, complaints = opened(browser, tmp_path / "p.html", page(study))
    toys = [toy.data for toy in probability(study).toys]
    for toy, before, after, x_s, x_t, x_0 in SETTINGS:
        script = tab.evaluate(f"theoremsAt(D.probability.toys[{toy}], {before}, {after}, {x_s}, {x_t}, {x_0})")
        ours = theorems(toys[toy], before, after, x_s=x_s, x_t=x_t, x_0=x_0)
        for name in ("bayes", "marginal", "conditional", "markov"):
            expected = getattr(ours, name)
            assert script[name] == (None if expected is None else pytest.approx(list(expected), rel=1e-7)), name
        kl = tab.evaluate(f"mixtureDivergence(mixtureReverse(D.probability.toys[{toy}], {before}, {after}, {x_t}))")
        assert kl == pytest.approx(reverse(toys[toy], before, after, x_t).divergence, rel=1e-5, abs=1e-9)

    def values():
        return tab.locator("#panel-probability table.checks .value").all_inner_texts() + reading(tab, "probability")

    tab.fill("#t", "8")
    last = values()
    for n, act in enumerate(
        (
            lambda: tab.locator("#panel-probability .handle").nth(0).press("ArrowUp"),
            lambda: tab.locator("#panel-probability .handle").nth(1).press("PageDown"),
            lambda: tab.locator("#panel-probability .stage svg").first.click(position={"x": 120, "y": 160}),
            lambda: tab.select_option("#prob-data", "1"),
            lambda: tab.select_option("#prob-jump", index=0),
            lambda: tab.fill("#prob-x0", "-0.6"),
            lambda: tab.select_option("#prob-path", "5"),
            lambda: tab.fill("#t", "3"),
        )
    ):
        act()
        shown = values()
        assert shown != last, n
        assert shown[2:10:2] == shown[3:10:2], "both sides, to six digits"
        last = shown
    handle = tab.locator("#panel-probability .handle").first
    assert handle.get_attribute("role") == "slider"
    before = handle.get_attribute("aria-valuetext")
    box = handle.bounding_box()
    tab.mouse.move(box["x"] + 9, box["y"] + 9)
    tab.mouse.down()
    tab.mouse.move(box["x"] + 9, box["y"] + 59)
    tab.mouse.up()
    assert handle.get_attribute("aria-valuetext") != before
    tab.click("[data-language=fr]")
    assert "théorème, au point choisi" in tab.inner_text("#panel-probability")
    tab.set_viewport_size({"width": 390, "height": 800})
    assert tab.evaluate("document.documentElement.scrollWidth") <= 390
    assert complaints == []


def test_the_figures_show_the_same(study):
    panel = probability(study)
    figure = figures.joint_density(panel.toys[0].data, before=0.83, after=0.31, x_t=0.0)
    figure.canvas.draw()
    line = figure.axes[-1].get_lines()[0]
    np.testing.assert_allclose(
        line.get_ydata(), step(0, line.get_xdata(), 0.83, 0.31) * q(line.get_xdata(), 0.83) / q(0, 0.31), rtol=1e-6
    )
    figure = figures.reverse_paths(panel)
    figure.canvas.draw()
    assert len(figure.axes[0].get_lines()) == panel.toys[0].paths.shape[1]
