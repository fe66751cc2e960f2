"""The likelihood of the probability-flow ODE, against laws whose density is known in closed form."""

import itertools
import math

import pytest
import torch
from oracles import F64, REMEMBERED, Mixture, gaussian
from torch.distributions import MultivariateNormal, Normal

from debruit.diffusion.ode_likelihood import R0, bits_per_dim, coordinates, dequantised, evaluations, log_likelihood
from debruit.diffusion.prediction import Estimate
from debruit.diffusion.process import Process
from debruit.diffusion.processes.cosine import VPCosine
from debruit.diffusion.processes.flow import Flow
from debruit.diffusion.processes.ve import VE
from debruit.sampling.sampler import level

MEAN, STD = 0.3, 0.5
BLUR = R0 / (1 - R0)  # sigma / alpha where the ODE stops


def images(count: int, seed: int = 0, shape: tuple[int, ...] = (1, 2, 3), mean=MEAN, std=STD) -> torch.Tensor:
    return mean + std * torch.randn(count, *shape, dtype=F64, generator=torch.Generator().manual_seed(seed))


def signs(x: torch.Tensor, count: int = 1, seed: int = 1) -> torch.Tensor:
    return torch.randn(count, *x.shape, dtype=x.dtype, generator=torch.Generator().manual_seed(seed)).sign()


def sampled_law(process: Process, mean: float = MEAN, std: float = STD) -> Normal:
    """What the exact denoiser of N(mean, std^2) samples when it starts from N(0, sigma(1)^2): the ODE is affine there,
    it keeps (x - alpha mean) / sqrt(V). A little off N(mean, std^2 + blur^2), since sampling starts without the data's
    share of V(1)."""
    end, spread = level(process, 1.0), math.hypot(std, BLUR)
    deviation = math.hypot(end.alpha * std, end.sigma)
    return Normal(mean - spread * end.alpha * mean / deviation, spread * end.sigma / deviation)


@pytest.mark.parametrize("name", REMEMBERED)
def test_is_the_analytic_density_of_gaussian_data(name):
    process = REMEMBERED[name]
    x = images(16)
    found = log_likelihood(gaussian(process, MEAN, STD), process, x, signs(x), steps=20)
    exact = sampled_law(process).log_prob(x).flatten(1).sum(1)
    assert (found.log_density - exact).abs().max() < 1e-4
    # and so, but for where samplers start and the floor's noise, the density of the data: N(m, s^2)
    data = Normal(MEAN, STD).log_prob(x).flatten(1).sum(1)
    assert (found.log_density - data).abs().max() < 0.01 * x[0].numel()


def test_mean_over_gaussian_data_is_the_entropy():
    process = REMEMBERED["Flow"]
    x = images(2000)
    values = -log_likelihood(gaussian(process, MEAN, STD), process, x, signs(x)).log_density
    entropy = x[0].numel() * 0.5 * math.log(2 * math.pi * math.e * STD**2)
    assert abs(float(values.mean()) - entropy) < 4 * float(values.std()) / len(values) ** 0.5


@pytest.mark.parametrize("process", [Flow(), VPCosine(), VE(sigma_max=2000.0)], ids=["Flow", "VPCosine", "VE"])
def test_is_the_density_of_a_mixture(process):
    """Away from Gaussian data the path bends, and the density has two modes. (The range of VE is wide enough to hide
    the data at its end.)"""
    mixture = Mixture(process)
    x = torch.linspace(-1.0, 1.0, 41, dtype=F64)[:, None]
    found = log_likelihood(mixture, process, x, signs(x), steps=40)
    parts = [Normal(m, math.hypot(s, BLUR)).log_prob(x) for m, s in zip(mixture.means, mixture.stds, strict=True)]
    exact = torch.logsumexp(torch.stack(parts, -1) + torch.tensor(mixture.weights, dtype=F64).log(), -1).flatten()
    assert (found.log_density - exact).abs().max() < 2e-3


def test_converges_at_order_five_and_estimates_its_error():
    process = REMEMBERED["Flow"]
    mixture = Mixture(process)
    x = torch.linspace(-1.0, 1.0, 41, dtype=F64)[:, None]
    fine = log_likelihood(mixture, process, x, signs(x), steps=320).log_density
    errors = []
    for steps in (20, 40, 80):
        found = log_likelihood(mixture, process, x, signs(x), steps=steps)
        error = (found.log_density - fine).abs()
        assert float(error.max()) < 2 * float(found.error.max()), "what is stated is of the size of what is lost"
        errors.append(float(error.max()))
    orders = [math.log2(a / b) for a, b in itertools.pairwise(errors)]
    assert orders[-1] > 4.5, (errors, orders)


def correlated(process: Process, covariance: torch.Tensor):
    """The exact denoiser of N(0, covariance): x_0^ = alpha S (alpha^2 S + sigma^2)^-1 x. Its Jacobian is not
    diagonal."""

    def denoise(x: torch.Tensor, t: float) -> Estimate:
        at = level(process, t)
        total = at.alpha**2 * covariance + at.sigma**2 * torch.eye(len(covariance), dtype=F64)
        whitened = torch.linalg.solve(total, x.flatten(1).T).T.reshape(x.shape)
        return Estimate((whitened.flatten(1) @ covariance).reshape(x.shape) * at.alpha, at.sigma * whitened)

    return denoise


def test_probes_are_unbiased_and_coordinates_exact():
    g = torch.Generator().manual_seed(0)
    factor = torch.randn(4, 4, dtype=F64, generator=g)
    covariance = 0.2 * factor @ factor.T + 0.05 * torch.eye(4, dtype=F64)
    law = MultivariateNormal(torch.zeros(4, dtype=F64), covariance + BLUR**2 * torch.eye(4, dtype=F64))
    x = law.sample((1,)).reshape(1, 1, 2, 2)
    process = REMEMBERED["Flow"]
    denoise = correlated(process, covariance)
    exact = float(law.log_prob(x.reshape(1, 4)))
    assert float(log_likelihood(denoise, process, x, coordinates(x)).log_density) == pytest.approx(exact, abs=1e-3)
    many = x.expand(400, -1, -1, -1)  # one probe each
    single = log_likelihood(denoise, process, many, signs(many)).log_density
    deviation = float(single.std())
    assert deviation > 0.05, "one probe alone is noisy here"
    assert abs(float(single.mean()) - exact) < 4 * deviation / 20
    several = log_likelihood(denoise, process, many[:100], signs(many[:100], 16)).log_density
    assert float(several.std()) < deviation / 2.5


def test_the_noise_is_what_sampling_would_start_from():
    """Of data that the model knows, the ODE makes standard normal noise: mean 0, variance 1, up to the data's share at
    the end."""
    for name in ("Flow", "VPCosine", "VE", "Tabulated"):
        process = REMEMBERED[name]
        x = images(3000, shape=(2,))
        noise = log_likelihood(gaussian(process, MEAN, STD), process, x, signs(x), steps=10).noise
        assert abs(float(noise.mean())) < 0.05
        assert abs(float(noise.var()) - 1) < 0.08


def test_dequantised_eight_bit_data_cost_their_entropy():
    """Data rounded to 8 bits have a discrete entropy: -sum p log2 p over the bins, by the Gaussian's distribution
    function."""
    mean, std = 0.1, 0.2
    edges = torch.linspace(-1 - 1 / 255, 1 + 1 / 255, 257, dtype=F64)
    mass = Normal(mean, std).cdf(edges).diff()
    entropy = float(-(mass * mass.clamp(min=1e-300).log2()).sum())
    x = ((images(3000, mean=mean, std=std, shape=(4,)).clamp(-1, 1) + 1) * 127.5).round() / 127.5 - 1
    uniform = torch.rand(x.shape, dtype=F64, generator=torch.Generator().manual_seed(5))
    spread = dequantised(x, uniform)
    assert (spread - x).abs().max() <= 1 / 255
    process = REMEMBERED["Flow"]
    found = log_likelihood(gaussian(process, mean, std), process, spread, signs(x))
    bits = bits_per_dim(found.log_density, 4)
    assert abs(float(bits.mean()) - entropy) < 4 * float(bits.std()) / len(bits) ** 0.5
    # a uniform density on [-1, 1] costs the bits of the levels
    flat = torch.full((1,), -4 * math.log(2 + 2 / 255), dtype=F64)
    assert float(bits_per_dim(flat, 4)) == pytest.approx(8)
    assert float(bits_per_dim(flat, 4, levels=None)) == pytest.approx(math.log2(2 + 2 / 255))


def test_costs_what_it_says_and_images_do_not_meet():
    process = REMEMBERED["Flow"]
    mixture = Mixture(process)
    x = images(5, shape=(1, 2, 2))
    found = log_likelihood(mixture, process, x, signs(x), steps=6)
    assert mixture.calls == evaluations(6) == 37
    alone = log_likelihood(mixture, process, x[2:3], signs(x)[:, 2:3], steps=6)
    torch.testing.assert_close(alone.log_density, found.log_density[2:3])
    total = found.prior + found.divergence + 4 * math.log1p(-R0)
    torch.testing.assert_close(found.log_density, total)


def test_float32_networks_give_float64_likelihoods():
    process = REMEMBERED["Flow"]
    x = images(3).float()
    found = log_likelihood(gaussian(process, MEAN, STD), process, x, signs(x))
    assert found.log_density.dtype == F64
    wide = log_likelihood(gaussian(process, MEAN, STD), process, x.double(), signs(x.double()))
    assert (found.log_density - wide.log_density).abs().max() < 1e-3
