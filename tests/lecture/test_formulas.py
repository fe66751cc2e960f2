"""Equations of the chapters that no other test evaluates, each written again in NumPy."""

import math

import numpy as np
import pytest
import torch
from lessons import Unshuffled, chained, fresh
from scipy import stats
from test_training_chapter import cosine_abar, double, network

from debruit.diffusion.bound import prior_term
from debruit.diffusion.chain import Chain, Cosine
from debruit.diffusion.processes.cosine import VPCosine
from debruit.diffusion.processes.tabulated import Tabulated
from debruit.lecture.chapters import forward as forward_chapter
from debruit.lecture.chapters import posterior as posterior_chapter
from debruit.lecture.chapters import reverse as reverse_chapter
from debruit.lecture.family import CORRECTIONS, FRAMES, LOWEST, STEP, grid, langevin
from debruit.lecture.forward import forward
from debruit.lecture.latents import latents
from debruit.lecture.linear_vae import LinearVae
from debruit.lecture.moons import Moons, moons
from debruit.lecture.schedules import LENGTH, schedules
from debruit.lecture.study import begin
from debruit.lecture.terms import terms
from debruit.rng import Purpose, stream
from debruit.sampling.heun import Heun
from debruit.sampling.loop import trajectory
from debruit.sampling.sampler import Level

T = 12


def linear_abar(steps=LENGTH):
    return np.concatenate([[1.0], np.cumprod(1 - np.linspace(1e-4, 0.02, steps))])


def root_linear_abar(steps=LENGTH):
    """Of latent diffusion: linear in the root of beta."""
    return np.concatenate([[1.0], np.cumprod(1 - np.linspace(0.0015**0.5, 0.0195**0.5, steps) ** 2)])


# -- the chain as probability --


def test_the_joint_of_a_trajectory_given_the_image_is_the_product_of_its_steps():
    """q(x_{1:T} | x_0) = prod q(x_t | x_{t-1}): the density of one Gaussian in T dimensions, whose mean and covariance
    follow from the noise of each step; and q(x_T | x_{0:T-1}) = q(x_T | x_{T-1}) is what is left of it without x_T.
    """
    chain, x0, steps = Chain(schedule=Cosine(), steps=5), 0.6, 5
    abar = cosine_abar(steps)
    mean = np.sqrt(abar[1:]) * x0
    covariance = np.array(
        [[np.sqrt(abar[max(s, t)] / abar[min(s, t)]) * (1 - abar[min(s, t)]) for s in range(1, 6)] for t in range(1, 6)]
    )
    x = np.concatenate([[x0], [0.5, 0.7, -0.2, 0.4, -1.1]])

    def step(t):
        q = chain.q_step(torch.tensor([[x[t - 1]]], dtype=torch.float64), t)
        return stats.norm.logpdf(x[t], float(q.mean), float(q.variance) ** 0.5)

    joint = [stats.multivariate_normal.logpdf(x[1 : t + 1], mean[:t], covariance[:t, :t]) for t in range(1, 6)]
    assert sum(step(t) for t in range(1, 6)) == pytest.approx(joint[4], rel=1e-9)
    assert joint[4] - joint[3] == pytest.approx(step(5), rel=1e-9)


def test_the_marginal_of_the_data_is_the_integral_of_the_whole_joint():
    """q(x_0) = integral of q(x_{0:T}) dx_{1:T}, T = 2, on a grid."""
    chain, line = Chain(schedule=Cosine(), steps=2), np.linspace(-8, 8, 401)
    x1, x2 = np.meshgrid(line, line, indexing="ij")
    x0, beta = 0.4, chain.beta.numpy()
    first = chain.q_step(torch.tensor([[x0]], dtype=torch.float64), 1)
    second = chain.q_step(torch.from_numpy(x1.reshape(-1, 1)), 2)
    assert float(second.variance.flatten()[0]) == pytest.approx(beta[2])
    inner = stats.norm.pdf(x2, second.mean.numpy().reshape(x1.shape), beta[2] ** 0.5)
    joint = stats.norm.pdf(x0, 0, 0.5) * stats.norm.pdf(x1, float(first.mean), beta[1] ** 0.5) * inner
    whole = np.trapezoid(np.trapezoid(joint, line), line)
    assert whole == pytest.approx(stats.norm.pdf(x0, 0, 0.5), rel=1e-6)


# -- the forward process, schedules --


def test_the_numbers_of_the_forward_chapter():
    """x_t, x_0^ from eps_theta, and both errors, at every step; beta and abar under the images."""
    study, abar = double(), cosine_abar()
    data, panel = forward_chapter.numbers(study), forward(study)
    x0, eps = study.x0.numpy(), study.noise()().double().numpy()
    for k, t in enumerate(study.steps):
        x_t = np.sqrt(abar[t]) * x0 + np.sqrt(1 - abar[t]) * eps
        np.testing.assert_allclose(panel.x_t[k : k + 1], x_t, atol=1e-6)
        with torch.no_grad():
            eps_hat = np.sqrt(abar[t]) * network(study, torch.from_numpy(x_t), t).numpy() + np.sqrt(1 - abar[t]) * x_t
        x0_hat = (x_t - np.sqrt(1 - abar[t]) * eps_hat) / np.sqrt(abar[t])
        np.testing.assert_allclose(panel.eps_hat[k : k + 1], eps_hat, atol=1e-5)
        np.testing.assert_allclose(panel.x0_hat[k : k + 1], x0_hat, atol=1e-5 / np.sqrt(abar[t]))
        assert data["loss"][k] == pytest.approx(((eps - eps_hat) ** 2).mean(), rel=1e-4)
        assert data["x0_error"][k] == pytest.approx(((x0 - x0_hat) ** 2).mean(), rel=1e-3)
        assert data["beta"][k] == pytest.approx(1 - abar[t] / abar[t - 1], rel=1e-4)
        assert data["abar"][k] == pytest.approx(abar[t], rel=1e-4)


@pytest.mark.parametrize(
    ("name", "abar"),
    [("Linear", linear_abar()), ("ScaledLinear", root_linear_abar()), ("Cosine", cosine_abar(LENGTH))],
)
def test_the_curves_of_the_schedules(study, name, abar):
    """beta_t, its product abar_t, the cosine with its clip, the signal-to-noise ratio and the signal left."""
    (curve,) = (c for c in schedules(study) if c.name == name)
    t = np.round(curve.t.numpy() * LENGTH).astype(int)
    np.testing.assert_allclose(curve.beta, 1 - abar[t] / abar[t - 1], rtol=1e-9)
    np.testing.assert_allclose(curve.abar, abar[t], rtol=1e-9)
    np.testing.assert_allclose(curve.snr, abar[t] / (1 - abar[t]), rtol=1e-9)
    np.testing.assert_allclose(curve.signal, np.sqrt(abar[t]), rtol=1e-9)
    if name == "Cosine":
        assert curve.beta[-1] == 0.999, "clipped"


# -- the step back, the bound --


def test_the_numbers_of_the_step_back():
    """Both coefficients of mu~_t, beta~_t, and mu~_t by the noise instead."""
    study, abar = begin(chained(T), label=3), cosine_abar()
    data = posterior_chapter.numbers(study)
    chain = study.chain.chain
    for k, t in enumerate(study.steps):
        beta = 1 - abar[t] / abar[t - 1]
        a, b = np.sqrt(abar[t - 1]) * beta / (1 - abar[t]), np.sqrt(1 - beta) * (1 - abar[t - 1]) / (1 - abar[t])
        assert (data["a"][k], data["b"][k]) == pytest.approx((a, b), rel=1e-4, abs=1e-9)
        assert data["posterior_variance"][k] == pytest.approx((1 - abar[t - 1]) / (1 - abar[t]) * beta, rel=1e-4)
        x0, eps = 0.3, -0.8
        x_t = np.sqrt(abar[t]) * x0 + np.sqrt(1 - abar[t]) * eps
        mean = (x_t - beta / np.sqrt(1 - abar[t]) * eps) / np.sqrt(1 - beta)
        assert mean == pytest.approx(a * x0 + b * x_t, rel=1e-9)
        ours = [torch.tensor([[v]], dtype=torch.float64) for v in (eps, x_t)]
        assert float(chain.posterior_from_eps(*ours, t).mean) == pytest.approx(mean, rel=1e-9)


def test_the_numbers_of_the_bound(study):
    """L_T as a divergence, the weight of each term, and bits/dim as the sum of the parts over D log 2."""
    panel, abar = terms(study, strata=99, draws=4), cosine_abar()
    x0, variance = study.x0.double().numpy(), 1 - abar[T]
    prior = 0.5 * (variance + abar[T] * x0**2 - 1 - np.log(variance))
    assert panel.prior == pytest.approx(prior.sum(), rel=1e-6)
    assert float(prior_term(study.chain.chain, study.x0).sum()) == pytest.approx(prior.sum(), rel=1e-6)
    for n, t in enumerate(range(2, T + 1)):
        beta = 1 - abar[t] / abar[t - 1]
        tilde = (1 - abar[t - 1]) / (1 - abar[t]) * beta
        assert float(panel.weight[n]) == pytest.approx(beta**2 / (2 * tilde * (1 - beta) * (1 - abar[t])), rel=1e-6)
    whole = prior.sum() + float(panel.nats.sum()) + panel.decoder[0]
    assert panel.bits(panel.total) == pytest.approx(whole / (64 * np.log(2)), rel=1e-6)


def test_the_factors_of_the_printed_line():
    study, abar = begin(chained(T), label=3), cosine_abar()
    data = reverse_chapter.numbers(study)
    for k, t in enumerate(data["steps"]):
        alpha = abar[t] / abar[t - 1]
        expected = {
            "scale": 1 / np.sqrt(alpha),
            "share": (1 - alpha) / np.sqrt(1 - abar[t]),
            "clean": np.sqrt(abar[t - 1]) * (1 - alpha) / (1 - abar[t]),
            "noisy": np.sqrt(alpha) * (1 - abar[t - 1]) / (1 - abar[t]),
            "sigma": np.sqrt((1 - abar[t - 1]) / (1 - abar[t]) * (1 - alpha)),
        }
        assert {key: data[key][k] for key in expected} == pytest.approx(expected, rel=1e-4, abs=1e-9)


# -- samplers, guidance --

MOONS = moons()
MEANS, WEIGHTS, STD = MOONS.means.numpy(), MOONS.weights.numpy(), MOONS.std
POINTS = np.array([[0.3, -0.8], [1.1, 0.4], [-2.0, 1.5]])


def score(x, alpha, sigma, chosen=slice(None)):
    """grad log q_t, of the components that are chosen."""
    variance, means = (alpha * STD) ** 2 + sigma**2, alpha * MEANS[chosen]
    logits = np.log(WEIGHTS[chosen]) - ((x[:, None] - means) ** 2).sum(-1) / (2 * variance)
    share = np.exp(logits - logits.max(1, keepdims=True))
    return (share / share.sum(1, keepdims=True) @ means - x) / variance


def test_heuns_step_follows_the_equation_of_the_samplers():
    """dx/dt = f x - g^2 / 2 grad log q_t: many steps of Heun's method end where a Runge-Kutta solution does."""
    process = VPCosine()

    def slope(t, x):
        alpha, sigma, f = np.cos(np.pi * t / 2), np.sin(np.pi * t / 2), -np.pi / 2 * np.tan(np.pi * t / 2)
        g2 = np.pi * alpha * sigma - 2 * f * sigma**2
        return f * x - g2 / 2 * score(x, alpha, sigma)

    times = np.linspace(0.9, 0.3, 201)
    x, h = POINTS, times[1] - times[0]
    for t in times[:-1]:
        k1, k2 = slope(t, x), slope(t + h / 2, x + h / 2 * slope(t, x))
        k3 = slope(t + h / 2, x + h / 2 * k2)
        x = x + h / 6 * (k1 + 2 * k2 + 2 * k3 + slope(t + h, x + h * k3))
    ends = [
        s.x
        for s in trajectory(MOONS.denoiser(process), process, Heun(), torch.from_numpy(POINTS), times.tolist(), None)
    ]
    np.testing.assert_allclose(ends[-1], x, atol=1e-3)


def test_langevin_steps():
    """x + e s + sqrt(2 e) z with e = 0.2 sigma^2, at levels that fall geometrically."""
    part, random, x = (
        langevin(MOONS, torch.from_numpy(POINTS), stream(Purpose.FAMILY, 0, 9)),
        stream(Purpose.FAMILY, 0, 9),
        POINTS,
    )
    sigmas = np.geomspace(1, LOWEST, FRAMES - 1)
    for n, sigma in enumerate(sigmas):
        alpha, e = np.sqrt(max(1 - sigma**2, 0)), STEP * sigma**2
        for _ in range(CORRECTIONS):
            x = x + e * score(x, alpha, sigma) + np.sqrt(2 * e) * random.normal(x.shape).double().numpy()
        np.testing.assert_allclose(part.points[n + 1], x, atol=1e-6)
    at = Level(float(np.sqrt(1 - sigmas[-1] ** 2)), float(sigmas[-1]))
    np.testing.assert_allclose(part.field[-1], score(grid().numpy(), at.alpha, at.sigma), atol=1e-6)


def test_guidance_extrapolates(study):
    """The x_0^ that a guided sampler uses is u + w (c - u)."""
    i, x = torch.tensor([7]), study.noise()()
    c, u = (study.estimate(x, i, keep=keep).x0.numpy() for keep in (True, False))
    for w in (0.0, 1.0, 3.0):
        with torch.inference_mode():
            guided = study.job(1, guidance=w, clip=False).denoise(x, 7 / T).x0
        np.testing.assert_allclose(guided, u + w * (c - u), atol=1e-5)


def test_the_direction_of_guidance_is_the_gradient_of_a_classifier():
    """grad log q(x | y) - grad log q(x) = grad log q(y | x), on the moons, with y the half-circle."""
    upper = Moons(MOONS.means[:6], MOONS.weights[:6] * 2, STD)
    at = Level(0.8, 0.6)

    def log_posterior(x):
        """log q(y | x) by Bayes' theorem."""
        logits = np.log(WEIGHTS) - ((x[:, None] - 0.8 * MEANS) ** 2).sum(-1) / (2 * ((0.8 * STD) ** 2 + 0.36))
        return np.log(np.exp(logits[:, :6]).sum(1) / np.exp(logits).sum(1))

    gradient = np.stack(
        [(log_posterior(POINTS + 1e-5 * d) - log_posterior(POINTS - 1e-5 * d)) / 2e-5 for d in np.eye(2)], axis=1
    )
    x = torch.from_numpy(POINTS)
    np.testing.assert_allclose(upper.score(x, at) - MOONS.score(x, at), gradient, atol=1e-6)


# -- the VAE, latent diffusion --


def test_both_terms_of_the_elbo_and_the_inequality():
    """E_q[log p(x|z)] and KL(q(z|x) || N(0, 1)) by quadrature; the ELBO of another encoder lies below log p(x)."""
    vae = LinearVae(mean=torch.tensor([0.1, -0.2]).double(), loading=torch.tensor([0.9, 0.5]).double(), noise=0.3)
    x, w, mu = torch.from_numpy(POINTS), vae.loading.numpy(), vae.mean.numpy()
    nodes, share = np.polynomial.hermite_e.hermegauss(20)
    share = share / share.sum()
    mean, variance = ((POINTS - mu) @ w) / (w @ w + 0.3), 0.3 / (w @ w + 0.3)

    def parts(mean, variance):
        z = mean[:, None] + np.sqrt(variance) * nodes
        error = ((POINTS[:, None] - mu - z[..., None] * w) ** 2).sum(-1)
        log_p = -np.log(2 * np.pi * 0.3) - error / 0.6
        log_q = stats.norm.logpdf(z, mean[:, None], np.sqrt(variance))
        return (log_p * share).sum(1), ((log_q - stats.norm.logpdf(z)) * share).sum(1)

    reconstruction, divergence = parts(mean, variance)
    np.testing.assert_allclose(vae.reconstruction(x), reconstruction, rtol=1e-9)
    np.testing.assert_allclose(vae.divergence(x), divergence, rtol=1e-9)
    covariance = np.outer(w, w) + 0.3 * np.eye(2)
    log_density = stats.multivariate_normal.logpdf(POINTS, mu, covariance)
    np.testing.assert_allclose(vae.elbo(x), log_density, rtol=1e-9)
    other = parts(mean + 0.3, 1.5 * variance)
    assert (other[0] - other[1] < log_density).all()


def test_the_chain_runs_on_the_latents(short):
    """z_0 = E(x_0), z_t in closed form, x_0^ = D(z_0^), with an encoder that can be written down."""
    study = begin(fresh(codec=Unshuffled(), data_std=0.25), label=2, seed=1)
    panel, chained_ = latents(study), forward(study)
    x = study.model.config.data.to_model(study.example.image).numpy()

    def encoded(x):
        return np.stack([x[0, 0, r::2, c::2] for r in (0, 1) for c in (0, 1)])[None] / 2

    np.testing.assert_allclose(study.x0, encoded(x), atol=1e-6)
    abar = study.chain.chain.abar.numpy()[panel.steps].reshape(-1, 1, 1, 1)
    eps = study.noise()().numpy()
    np.testing.assert_allclose(panel.z_t, np.sqrt(abar) * encoded(x) + np.sqrt(1 - abar) * eps, atol=1e-5)
    decoded = panel.decoded_z0_hat.numpy().astype(float)
    z = panel.z0_hat.numpy() * 2
    grey = np.zeros((len(z), 8, 8))
    for n, (r, c) in enumerate((r, c) for r in (0, 1) for c in (0, 1)):
        grey[:, r::2, c::2] = z[:, n]
    np.testing.assert_allclose(decoded[:, 0], ((grey.clip(-1, 1) + 1) / 2 * 255).round(), atol=1)
    loss = ((eps - chained_.eps_hat.numpy()) ** 2).reshape(len(z), -1).mean(1)
    np.testing.assert_allclose(chained_.simple_loss, loss, rtol=1e-5)


def test_a_chain_without_signal_at_its_end():
    """abar_T = 0: x_T is eps itself, L_T is 0, mu~_T is sqrt(abar_{T-1}) x_0."""
    chain = Chain(steps=T, zero_terminal_snr=True)
    study = begin(chained(process=Tabulated(chain=chain)), label=3)
    panel = forward(study)
    np.testing.assert_allclose(panel.x_t[-1], panel.eps, atol=1e-7)
    assert terms(study, draws=2).prior == 0
    np.testing.assert_allclose(panel.posterior[-1], math.sqrt(chain.abar[-2]) * panel.x0, atol=1e-6)
