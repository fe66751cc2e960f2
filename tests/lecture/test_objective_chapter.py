"""The derivation of the bound: every line against NumPy and Monte Carlo, the script against the package, and the bound
of a model that is exact against the entropy of its data."""

import base64
import dataclasses
import json
import math

import numpy as np
import pytest
import torch
from lessons import chained
from scipy import stats
from test_page import browser, opened, page, reading  # noqa: F401 - browser is a fixture

from debruit.diffusion.bound import bound
from debruit.diffusion.chain import Chain
from debruit.diffusion.prediction import Estimate
from debruit.diffusion.processes.tabulated import Tabulated
from debruit.errors import InputError
from debruit.lecture import figures
from debruit.lecture.chapters.objective import CHAPTER
from debruit.lecture.maths import mathml, prose
from debruit.lecture.objective import TwoSteps, jensen, noise
from debruit.lecture.study import Study, begin
from debruit.lecture.terms import terms

SETTINGS = [
    TwoSteps(),
    TwoSteps(std=0.1, beta1=0.02, beta2=0.98, error=0.5, factor=0.5),
    TwoSteps(std=1.5, beta1=0.6, beta2=0.3, error=-0.5, factor=2.0, fitted=True),
    TwoSteps(std=1.0, beta1=0.1, beta2=0.9, error=0.1, factor=1.3),
    TwoSteps(std=1.5, beta1=0.02, beta2=0.02, error=-0.5, factor=0.5, fitted=True),  # of the sliders, the hardest
]
EXACT = [
    TwoSteps(std=s, beta1=b1, beta2=b2, error=0.0, fitted=True) for s, b1, b2 in ((0.5, 0.2, 0.5), (0.1, 0.5, 0.1))
]


def covariances(toy):
    """Covariances of (x_0, x_1, x_2) under q and under p_theta, built from the noise of each step."""
    s, b1, b2 = toy.std, toy.beta1, toy.beta2
    forward = np.array([[s, 0, 0], [np.sqrt(1 - b1) * s, np.sqrt(b1), 0], [0, 0, 0]])
    forward[2] = np.sqrt(1 - b2) * forward[1] + [0, 0, np.sqrt(b2)]
    q = forward @ forward.T
    a1, a2 = ((1 + toy.error) * q[t - 1, t] / q[t, t] for t in (1, 2))
    v1, v2 = (toy.factor * (q[t - 1, t - 1] - q[t - 1, t] ** 2 / q[t, t]) for t in (1, 2))
    rho = q[2, 2] if toy.fitted else 1.0
    backward = np.zeros((3, 3))
    backward[2] = [0, 0, np.sqrt(rho)]
    backward[1] = a2 * backward[2] + [0, np.sqrt(v2), 0]
    backward[0] = a1 * backward[1] + [np.sqrt(v1), 0, 0]
    return q, backward @ backward.T


def conditional(c):
    """The slope and the covariance of (x_1, x_2) given x_0."""
    slope = c[1:, 0] / c[0, 0]
    return slope, c[1:, 1:] - np.outer(slope, c[0, 1:])


@pytest.mark.parametrize("toy", SETTINGS)
def test_every_line_of_the_derivation(toy):
    d, (q, p) = toy.derivation, covariances(toy)
    assert toy.model_variance == pytest.approx(p[0, 0], rel=1e-12)
    assert d.entropy == pytest.approx(stats.norm(0, toy.std).entropy())
    nodes, weights = np.polynomial.hermite_e.hermegauss(9)
    x0, share = nodes * toy.std, weights / weights.sum()
    cross = -(share * stats.norm.logpdf(x0, 0, np.sqrt(p[0, 0]))).sum()
    assert d.cross_entropy == pytest.approx(cross, rel=1e-12)
    assert d.entropy + d.divergence == pytest.approx(cross, rel=1e-12)
    assert d.marginal == pytest.approx(cross, abs=1e-8)
    # E[log q(x_{1:2} | x_0)] - E[log p_theta(x_{0:2})], with the covariances as matrices
    slope, within = conditional(q)
    log_q = -0.5 * np.linalg.slogdet(2 * np.pi * np.e * within)[1]
    log_p = -0.5 * (np.linalg.slogdet(2 * np.pi * p)[1] + np.trace(np.linalg.solve(p, q)))
    assert d.jensen == pytest.approx(log_q - log_p, rel=1e-9)
    assert d.bound == pytest.approx(d.jensen, rel=1e-9)
    other, wide = conditional(p)
    means = (slope - other) @ np.linalg.solve(wide, slope - other) * q[0, 0]
    ratio = np.linalg.slogdet(wide)[1] - np.linalg.slogdet(within)[1]
    gap = 0.5 * (np.trace(np.linalg.solve(wide, within)) - 2 + ratio + means)
    assert d.gap == pytest.approx(gap, rel=1e-6)
    assert d.bound - d.cross_entropy == pytest.approx(gap, rel=1e-6)
    assert gap > 0
    prior = 0.5 * _twice_kl(q[2, 0] / q[0, 0], q, toy.rho)
    assert d.prior == pytest.approx(prior, rel=1e-9)


def _twice_kl(slope, q, rho):
    """Twice the mean over x_0 of KL(q(x_2 | x_0) || N(0, rho))."""
    variance = q[2, 2] - slope**2 * q[0, 0]
    return (variance + slope**2 * q[0, 0]) / rho - 1 - np.log(variance / rho)


@pytest.mark.parametrize("toy", SETTINGS)
def test_the_three_parts_by_monte_carlo(toy):
    """Trajectories of the chain, and each part as a mean over them of its logarithm."""
    random, n = np.random.default_rng(0), 400_000
    x0 = toy.std * random.standard_normal(n)
    x1 = np.sqrt(1 - toy.beta1) * x0 + np.sqrt(toy.beta1) * random.standard_normal(n)
    x2 = np.sqrt(1 - toy.beta2) * x1 + np.sqrt(toy.beta2) * random.standard_normal(n)
    abar = (1 - toy.beta1) * (1 - toy.beta2)
    (a1, a2), (v1, v2) = toy.slopes, toy.variances
    mean = np.sqrt(1 - toy.beta1) * toy.beta2 / (1 - abar) * x0 + np.sqrt(1 - toy.beta2) * toy.beta1 / (1 - abar) * x2
    tilde = toy.beta1 / (1 - abar) * toy.beta2
    d, log = toy.derivation, stats.norm.logpdf
    for value, draws in (
        (d.prior, log(x2, np.sqrt(abar) * x0, np.sqrt(1 - abar)) - log(x2, 0, np.sqrt(toy.rho))),
        (d.step, log(x1, mean, np.sqrt(tilde)) - log(x1, a2 * x2, np.sqrt(v2))),
        (d.decoder, -log(x0, a1 * x1, np.sqrt(v1))),
    ):
        assert value == pytest.approx(draws.mean(), abs=5 * draws.std() / np.sqrt(n))


@pytest.mark.parametrize("toy", EXACT)
def test_an_exact_model_has_no_gap_and_every_trajectory_the_same_weight(toy):
    d = toy.derivation
    assert d.gap == pytest.approx(0, abs=1e-12)
    assert d.divergence == pytest.approx(0, abs=1e-12)
    assert d.bound == pytest.approx(d.entropy, rel=1e-9)
    logs = toy.log_weights(0.3, noise(0, 50))
    torch.testing.assert_close(logs, torch.full_like(logs, stats.norm.logpdf(0.3, 0, toy.std)))
    if toy.std < 0.2:
        assert d.cross_entropy < 0, "a density's cross-entropy may be negative"


def test_the_lectures_prior_leaves_a_gap_that_noise_closes():
    gaps = [TwoSteps(error=0.0, beta2=beta2).gap() for beta2 in (0.5, 0.9, 0.999)]
    assert gaps[0] > 0.01 > gaps[1] > gaps[2]
    assert gaps[2] < 1e-6


def test_the_mean_weight_is_the_likelihood():
    toy, draws = TwoSteps(), noise(3, 100_000)
    x0 = 0.4
    weights = toy.log_weights(x0, draws).exp()
    error = float(weights.std()) / math.sqrt(len(weights))
    assert float(weights.mean()) == pytest.approx(math.exp(toy.log_likelihood(x0)), abs=5 * error)
    gap = toy.log_likelihood(x0) - float(toy.log_weights(x0, draws).mean())
    assert toy.gap(x0) == pytest.approx(gap, rel=0.05)
    nodes, share = np.polynomial.hermite_e.hermegauss(5)
    mean = sum(w * toy.gap(toy.std * z) for z, w in zip(nodes, share / share.sum(), strict=True))
    assert toy.gap() == pytest.approx(mean)


@pytest.mark.parametrize(("x1", "x2", "w"), [(0.35, 2.8, 0.5), (1.0, 3.0, 0.25), (2.0, 2.0, 0.3), (0.5, 3.0, 0.0)])
def test_jensens_gap(x1, x2, w):
    j = jensen(x1, x2, w)
    x, p = np.array([x1, x2]), np.array([w, 1 - w])
    assert j.curve == pytest.approx(-np.log(p @ x))
    assert j.chord == pytest.approx(-(p @ np.log(x)))
    assert j.gap == pytest.approx(p @ -np.log(x) + np.log(p @ x))
    assert j.gap >= -1e-15


def test_settings_out_of_range_are_refused():
    with pytest.raises(InputError, match="between 0 and 1"):
        TwoSteps(beta1=1.0)


def grey(std, count):
    """8-bit values of a Gaussian, on the levels of [-1, 1], and the entropy of a level in bits."""
    levels = (2 * np.arange(256) - 255) / 255
    edges = np.concatenate([[-np.inf], (levels[1:] + levels[:-1]) / 2, [np.inf]])
    mass = np.diff(stats.norm.cdf(edges, 0, std))
    values = np.random.default_rng(1).choice(levels, size=count, p=mass / mass.sum())
    positive = mass[mass > 0]
    return values, -(positive * np.log2(positive)).sum()


def posterior_mean(chain, std):
    """The exact E[x_0 | x_t] of Gaussian data: what a perfect network returns."""

    def denoise(x, t):
        abar = chain.abar[(t * chain.steps).round().long()].reshape(-1, *[1] * (x.ndim - 1)).to(x.dtype)
        x0 = abar.sqrt() * std**2 / (abar * std**2 + 1 - abar) * x
        return Estimate(x0=x0, eps=(x - abar.sqrt() * x0) / (1 - abar).sqrt())

    return denoise


def test_the_bound_of_an_exact_model_is_the_entropy_of_its_data():
    """Gaussian grey levels, 1000 steps, the variance beta_t, which is nearly exact here: bits/dim are the entropy and
    at most 0.1 for finite steps. The lecture's beta~_t is too small for data that are spread out, and costs most of a
    bit.
    """
    std, chain = 0.3, Chain()
    values, entropy = grey(std, 64 * 256)
    x0 = torch.from_numpy(values).reshape(64, 1, 16, 16)
    generator = torch.Generator().manual_seed(0)

    def draw():
        return torch.randn(x0.shape, generator=generator, dtype=torch.float64)

    bits = bound(posterior_mean(chain, std), chain, x0, draw, variance="beta").bits_per_dim
    error = float(bits.std()) / math.sqrt(len(bits))
    assert error < 0.02
    assert entropy - 4 * error < float(bits.mean()) < entropy + 0.1 + 4 * error
    smaller = bound(posterior_mean(chain, std), chain, x0[:8], lambda: draw()[:8]).bits_per_dim
    assert float(smaller.mean()) > entropy + 0.5


@dataclasses.dataclass(frozen=True)
class ExactStudy(Study):
    """A study whose model is exact for Gaussian data of standard deviation 0.3."""

    variance = last_variance = "beta"

    def estimate(self, x, i, *, keep=True):
        return posterior_mean(self.chain.chain, 0.3)(x, i.double() / self.chain.chain.steps)


def test_so_is_the_bound_by_strata():
    """The estimator of the page, on one image of Gaussian grey levels, contains -log2 of its probability and the small
    excess of the bound."""
    values, _ = grey(0.3, 64)
    model = chained(process=Tabulated(chain=Chain()))
    study = begin(model, label=3)
    image = torch.from_numpy((values + 1) * 127.5).round().to(torch.uint8).reshape(1, 1, 8, 8)
    exact = ExactStudy(model, dataclasses.replace(study.example, image=image), study.chain, study.given, seed=1)
    panel = terms(exact, strata=60, draws=30)
    clean = exact.x0.flatten().double().numpy()
    upper, lower = (stats.norm.cdf(clean + side / 255, 0, 0.3) for side in (1, -1))
    upper, lower = np.where(clean > 0.999, 1, upper), np.where(clean < -0.999, 0, lower)
    truth = -np.log2(upper - lower).mean()
    error = panel.bits(panel.total_error)
    assert truth - 4 * error < panel.bits(panel.total) < truth + 0.1 + 4 * error


def settings(toy):
    return json.dumps(dataclasses.asdict(toy))


def test_the_script_computes_the_same_and_every_control_moves_the_panel(browser, study, tmp_path, only):  # noqa: F811
    only("probability", "objective")
    tab, complaints = opened(browser, tmp_path / "p.html", page(study))
    packed = np.frombuffer(base64.b64decode(CHAPTER.numbers(study)["noise"]), "<i2").reshape(-1, 2) / 4096
    for toy in (*SETTINGS, *EXACT):
        script = tab.evaluate(f"derivation({settings(toy)})")
        expected = {**dataclasses.asdict(toy.derivation)}
        assert script == pytest.approx(expected, rel=1e-7, abs=1e-9)
        script = tab.evaluate(f"weightsFrom({settings(toy)}, 0.4, unpacked(D.objective.noise, D.objective.unit))")
        logs = toy.log_weights(0.4, torch.from_numpy(packed)).numpy()
        assert script["logs"] == pytest.approx(logs.tolist(), rel=1e-7)
        assert script["of_mean"] == pytest.approx(np.log(np.exp(logs).mean()), rel=1e-7)
        assert script["exact"] == pytest.approx(toy.log_likelihood(0.4), rel=1e-9)
        assert script["gap"] == pytest.approx(toy.gap(0.4), rel=1e-6, abs=1e-9)
    script = tab.evaluate("jensenAt(0.35, 2.8, 0.3)")
    assert script == pytest.approx(dataclasses.asdict(jensen(0.35, 2.8, 0.3)))

    def values():
        return tab.locator("#panel-objective table.checks .value").all_inner_texts() + reading(tab, "objective")

    last = values()
    handles = tab.locator("#panel-objective .handle")
    for n, act in enumerate(
        (
            lambda: tab.fill("#obj-std", "0.1"),
            lambda: tab.fill("#obj-beta1", "0.3"),
            lambda: tab.fill("#obj-beta2", "0.9"),
            lambda: tab.fill("#obj-error", "0.2"),
            lambda: tab.fill("#obj-factor", "1.5"),
            lambda: tab.check("#obj-fitted"),
            lambda: tab.fill("#obj-x0", "0.1"),
            lambda: tab.fill("#obj-w", "0.2"),
            lambda: handles.nth(0).press("ArrowRight"),
            lambda: handles.nth(1).press("PageDown"),
            lambda: tab.click("#obj-exact"),
            lambda: tab.click("[data-language=fr]"),
        )
    ):
        act()
        assert values() != last, n
        last = values()
    assert "démonstration, ligne par ligne" in tab.inner_text("#panel-objective")
    assert tab.inner_text("#obj_gap .value") == tab.inner_text("#obj_minus .value") == "0", "made exact"
    before = handles.nth(0).get_attribute("aria-valuetext")
    handles.nth(0).hover()
    box = handles.nth(0).bounding_box()
    tab.mouse.down()
    tab.mouse.move(box["x"] + 69, box["y"] + 9)
    tab.mouse.up()
    assert handles.nth(0).get_attribute("aria-valuetext") != before
    tab.set_viewport_size({"width": 390, "height": 800})
    assert tab.evaluate("document.documentElement.scrollWidth") <= 390
    assert complaints == []


def test_the_figures_have_the_numbers():
    toy = TwoSteps()
    figure = figures.bound_waterfall(toy)
    figure.canvas.draw()
    assert figure.axes[0].patches[4].get_width() == pytest.approx(toy.derivation.bound)
    figures.weight_histogram(toy, noise(0, 200)).canvas.draw()
    figure = figures.jensen_gap(1.0, 3.0, 0.25)
    figure.canvas.draw()
    assert figure.axes[0].get_lines()[2].get_ydata() == pytest.approx([-math.log(2.5), -0.75 * math.log(3)])


def test_punctuation_stays_with_the_mathematics_before_it():
    x = mathml("x")
    assert prose("a $x$\u00a0: b $x$ c ($x$).") == (
        f'a <span class="tied">{x}\u00a0:</span> b {x} c (<span class="tied">{x}).</span>'
    )


def test_a_brace_below_has_its_label():
    brace = '<munder><mrow class="brace"><mi>x</mi></mrow><mrow><mi>L</mi></mrow></munder>'
    assert mathml(r"\underbrace{x}_{L}") == f"<math><mrow>{brace}</mrow></math>"
