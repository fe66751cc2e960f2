"""The family of models on points of the plane: the exact mixture, the linear VAE, and the four processes."""

import json
import math

import numpy as np
import pytest
import torch
from lessons import chained
from test_page import browser, opened, reading  # noqa: F401

from debruit.diffusion.chain import Chain
from debruit.lecture import family as module
from debruit.lecture import figures
from debruit.lecture.chapters.family import CHAPTER
from debruit.lecture.family import (
    PROCESSES,
    ancestral,
    drift,
    energy_distance,
    family,
    path_lengths,
    relative,
    velocity,
)
from debruit.lecture.linear_vae import fitted
from debruit.lecture.moons import moons
from debruit.lecture.page import page
from debruit.lecture.study import begin
from debruit.rng import Purpose, stream
from debruit.sampling.sampler import Level

MOONS = moons()
MEANS, WEIGHTS, STD = MOONS.means.numpy(), MOONS.weights.numpy(), MOONS.std
POINTS = np.array([[0.3, -0.8], [1.1, 0.4], [-2.0, 1.5], [0.0, 0.0]])
LEVELS = [Level(1.0, 0.0), Level(0.8, 0.6), Level(0.3, 0.7), Level(0.0, 1.0), Level(1.0, 2.5)]


def log_density(x, at):
    """Of points (N, 2), by NumPy."""
    variance = (at.alpha * STD) ** 2 + at.sigma**2
    squares = ((x[:, None] - at.alpha * MEANS) ** 2).sum(-1)
    return np.log((WEIGHTS * np.exp(-squares / (2 * variance)) / (2 * np.pi * variance)).sum(-1))


def gradient(function, x, step=1e-5):
    """By central differences, (N, 2)."""
    return np.stack([(function(x + step * e) - function(x - step * e)) / (2 * step) for e in np.eye(2)], axis=1)


@pytest.mark.parametrize("at", LEVELS)
def test_the_score_is_the_gradient_of_the_density(at):
    x = torch.from_numpy(POINTS)
    np.testing.assert_allclose(MOONS.log_density(x, at), log_density(POINTS, at), rtol=1e-9)
    expected = gradient(lambda p: log_density(p, at), POINTS)
    np.testing.assert_allclose(MOONS.score(x, at), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("at", LEVELS[1:])
def test_the_estimates_are_conditional_means(at):
    """E[x_0 | x_t] by integration over a fine grid of x_0; alpha x_0^ + sigma eps^ = x_t; s = -eps^ / sigma."""
    line = np.linspace(-3, 3, 601)
    x0 = np.stack(np.meshgrid(line, line), axis=-1).reshape(-1, 2)
    prior = np.exp(log_density(x0, LEVELS[0]))
    estimate = MOONS.estimate(torch.from_numpy(POINTS), at)
    for n, x in enumerate(POINTS):
        weight = prior * np.exp(-((x - at.alpha * x0) ** 2).sum(-1) / (2 * at.sigma**2))
        np.testing.assert_allclose(estimate.x0[n], (weight[:, None] * x0).sum(0) / weight.sum(), rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(at.alpha * estimate.x0 + at.sigma * estimate.eps, POINTS, atol=1e-12)
    np.testing.assert_allclose(-estimate.eps / at.sigma, gradient(lambda p: log_density(p, at), POINTS), atol=1e-5)


@pytest.mark.parametrize("name", ["ode", "flow"])
def test_the_velocity_follows_from_the_score(name):
    """dx/dt = f x - g^2 s / 2, f = alpha' / alpha, g^2 = 2 sigma sigma' - 2 f sigma^2; derivatives by differences."""
    paths = {"ode": lambda t: (np.cos(np.pi * t / 2), np.sin(np.pi * t / 2)), "flow": lambda t: (1 - t, t)}
    for t in (0.1, 0.45, 0.9):
        alpha, sigma = paths[name](t)
        d_alpha, d_sigma = (np.array(paths[name](t + 1e-6)) - np.array(paths[name](t - 1e-6))) / 2e-6
        f = d_alpha / alpha
        g2 = 2 * sigma * d_sigma - 2 * f * sigma**2
        at = Level(alpha, sigma)
        expected = f * POINTS - g2 / 2 * gradient(lambda p, at=at: log_density(p, at), POINTS)
        np.testing.assert_allclose(velocity(MOONS, name, torch.from_numpy(POINTS), at), expected, rtol=1e-4, atol=1e-4)


def test_the_density_of_the_ode_is_kept():
    """Points of q_1 that the probability-flow equation moves have the density q_0 in the end, by the divergence of the
    velocity along their paths (the flow): log q_0(x(0)) = log q_1(x(1)) + integral of div v dt."""
    x, steps = torch.tensor([[0.4, 0.9], [-0.7, 0.2]], dtype=torch.float64), 2000
    start, total = x, np.zeros(2)
    for t in np.linspace(1, 0.02, steps, endpoint=False):
        h = 0.98 / steps
        at = Level(1 - t, t)
        field = lambda p, at=at: velocity(MOONS, "flow", torch.as_tensor(p), at).numpy()  # noqa: E731
        total += h * sum(gradient(lambda p, f=field, c=c: f(p)[:, c], x.numpy())[:, c] for c in range(2))
        x = x - h * velocity(MOONS, "flow", x, at)
    begun = log_density(start.numpy(), Level(0.0, 1.0))
    np.testing.assert_allclose(log_density(x.numpy(), Level(0.98, 0.02)), begun + total, atol=0.05)


def test_ancestral_steps_are_algorithm_2():
    """With the same noise, by the formula of the lecture in NumPy."""
    chain, x = Chain(steps=20), torch.from_numpy(POINTS)
    part = ancestral(MOONS, x, stream(Purpose.FAMILY, 0, 9), chain)
    random, y = stream(Purpose.FAMILY, 0, 9), POINTS.copy()
    beta = np.concatenate([[0.0], np.linspace(1e-4, 0.02, 20)])
    abar = np.cumprod(1 - beta)
    for t in range(20, 0, -1):
        at = Level(abar[t] ** 0.5, (1 - abar[t]) ** 0.5)
        eps = -at.sigma * gradient(lambda p, at=at: log_density(p, at), y)
        mean = (y - beta[t] / (1 - abar[t]) ** 0.5 * eps) / (1 - beta[t]) ** 0.5
        np.testing.assert_allclose(drift(MOONS, chain, torch.from_numpy(y), t), mean - y, atol=1e-5)
        z = random.normal(y.shape).double().numpy() if t > 1 else 0
        y = mean + ((1 - abar[t - 1]) / (1 - abar[t]) * beta[t]) ** 0.5 * z
    np.testing.assert_allclose(part.points[-1], y, atol=1e-4)
    assert part.evaluations == 20


def test_the_linear_vae_is_probabilistic_pca():
    """Its covariance has the eigenvalues of the data's, and at the optimum ELBO = log likelihood."""
    mean = (WEIGHTS[:, None] * MEANS).sum(0)
    away = MEANS - mean
    covariance = (WEIGHTS[:, None, None] * away[:, :, None] * away[:, None, :]).sum(0) + STD**2 * np.eye(2)
    np.testing.assert_allclose(MOONS.covariance, covariance, atol=1e-12)
    values, vectors = np.linalg.eigh(covariance)
    vae = fitted(torch.from_numpy(mean), torch.from_numpy(covariance))
    assert vae.noise == pytest.approx(values[0])
    w = vae.loading.numpy()
    assert abs(w @ vectors[:, 1]) == pytest.approx(math.sqrt(values[1] - values[0]))
    np.testing.assert_allclose(vae.covariance, covariance, atol=1e-12)
    inverse, x = np.linalg.inv(covariance), torch.from_numpy(POINTS)
    squares = ((POINTS - mean) @ inverse * (POINTS - mean)).sum(1)
    expected = -math.log(2 * math.pi) - 0.5 * math.log(np.linalg.det(covariance)) - squares / 2
    np.testing.assert_allclose(vae.log_density(x), expected)
    np.testing.assert_allclose(vae.elbo(x), expected, rtol=1e-9)
    z, variance = vae.encode(x)
    precision = 1 + w @ w / values[0]  # of p(z|x), by Bayes' theorem
    assert variance == pytest.approx(1 / precision)
    np.testing.assert_allclose(z, (POINTS - mean) @ w / values[0] / precision)
    worse = type(vae)(mean=vae.mean, loading=0.8 * vae.loading, noise=vae.noise)
    data = MOONS.sample(stream(Purpose.FAMILY, 0, 9), 4000)
    assert worse.elbo(data).mean() < vae.elbo(data).mean()


def test_all_but_the_vae_reach_the_data():
    panel = family(3)
    expected = log_density(panel.fresh.numpy(), LEVELS[0]).mean()
    assert panel.scores["data"][0] == pytest.approx(expected)
    assert expected == pytest.approx(math.log(12) * -1 - math.log(2 * math.pi * STD**2) - 1, abs=0.1), "hardly overlap"
    for name in PROCESSES:
        density, energy = panel.scores[name]
        assert density == pytest.approx(expected, abs=0.25), name
        assert energy < 0.01 < panel.scores["vae"][1]
        assert panel.processes[name].density[-1] == pytest.approx(density)
        assert panel.processes[name].density[0] < -8, "noise"
    assert panel.scores["vae"][0] < expected - 3
    assert panel.same_end < 0.05
    for name in PROCESSES[1:]:
        torch.testing.assert_close(panel.processes[name].points[0], panel.processes["flow"].points[0])
    lengths = {
        name: (a.mean() / b.mean()).item()
        for name, (a, b) in {n: path_lengths(p) for n, p in panel.processes.items()}.items()
    }
    assert lengths["ddpm"] > 5 > lengths["flow"] > 1
    assert family(3) is panel, "computed once for a seed"
    assert not torch.equal(family(4).data, panel.data)


def test_the_energy_distance_is_that_of_all_pairs():
    x, y = POINTS, POINTS[:2] + 0.5
    mean = lambda a, b: np.mean([np.linalg.norm(p - q) for p in a for q in b])  # noqa: E731
    expected = 2 * mean(x, y) - mean(x, x) - mean(y, y)
    assert energy_distance(torch.from_numpy(x), torch.from_numpy(y)) == pytest.approx(expected)
    assert energy_distance(torch.from_numpy(x), torch.from_numpy(x)) == 0


def test_arrows_keep_their_direction():
    field = torch.tensor([[[3.0, 4.0], [0.0, 0.0], [0.3, 0.4], [1.5, 2.0], [0.6, 0.8]]])
    arrows = relative(field)
    assert arrows.norm(dim=-1).max() == pytest.approx(1)
    torch.testing.assert_close(arrows[0, 0], torch.tensor([0.6, 0.8]))
    assert relative(1e-17 * field).norm(dim=-1).max() < 1e-9
    torch.testing.assert_close(arrows[0, 2] * 5, arrows[0, 3], rtol=1e-5, atol=1e-6)


def test_the_figure_and_the_numbers():
    panel = family(0)
    figure = figures.family_trajectories(panel, columns=3)
    figure.canvas.draw()
    assert len(figure.axes) == 5 * 3
    json.dumps(CHAPTER.numbers(begin(chained(), label=3, seed=0)), allow_nan=False)
    assert panel.processes["langevin"].evaluations == module.CORRECTIONS * (module.FRAMES - 1)


def test_the_panel_is_alive(browser, tmp_path, only):  # noqa: F811
    """The slider, its keys, the button and the chosen point; the readings are those of the flow."""
    only("family")
    tab, complaints = opened(browser, tmp_path / "p.html", page(begin(chained(), label=3, seed=5)))
    panel = family(5)
    tab.fill("#family-position", "10")
    tab.select_option("#family-path", index=2)
    flow = panel.processes["flow"]
    x, at = flow.points[10, 2].numpy(), flow.levels[10]
    eps = -at.sigma * gradient(lambda p: log_density(p, at), x[None])[0]
    x0 = (x - at.sigma * eps) / at.alpha
    shown = [
        [float(v) for v in text.strip("()").replace("−", "-").replace("t = ", "").split(";")]
        for text in reading(tab, "family")[:6]
    ]
    expected = [[at.sigma], x, x0, eps, -eps / at.sigma, eps - x0]
    for found, wanted in zip(shown, expected, strict=True):
        assert found == pytest.approx(list(wanted), rel=1e-2, abs=3e-3)
    tab.focus("#family-position")
    tab.keyboard.press("ArrowRight")
    assert tab.get_attribute("#family-position", "aria-valuetext") == "11 / 32"
    tab.click("#panel-family .round")
    tab.wait_for_function("document.querySelector('#family-position').value === '32'", timeout=20_000)
    tab.click("[data-language=fr]")
    assert "dynamique de Langevin" in tab.inner_text("#panel-family")
    assert tab.locator("#panel-family svg.plate").count() == 6
    assert complaints == []
