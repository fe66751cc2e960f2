"""Every sampler: end to end on every process and grid, its cost, its independence of the batch; and which of them are
one another."""

from itertools import pairwise

import pytest
import torch
from oracles import F64, PROCESSES, REMEMBERED, SAMPLERS, Affine, Mixture, gaussian, log_snr_grid, sample

from debruit.diffusion.process import log_snr
from debruit.diffusion.processes.tabulated import Tabulated
from debruit.errors import InputError
from debruit.overrides import override
from debruit.sampling.ancestral import Ancestral
from debruit.sampling.config import SamplingConfig
from debruit.sampling.ddim import DDIM
from debruit.sampling.dpmpp_2m import DPMpp2M
from debruit.sampling.dpmpp_2m_sde import DPMpp2MSDE
from debruit.sampling.euler import Euler
from debruit.sampling.grids import ChainSteps, Grid, UniformTime
from debruit.sampling.heun import Heun
from debruit.sampling.loop import trajectory
from debruit.sampling.noise import ImageNoise
from debruit.sampling.predictor_corrector import PredictorCorrector
from debruit.sampling.sampler import Sampler, level, name_of, transition
from debruit.seams import choose, implementations, names

VARIANTS = {
    "Ancestral-learned": Ancestral(variance="learned"),
    "DDIM-one": DDIM(eta=1.0),
    "DPMpp2MSDE-ode": DPMpp2MSDE(eta=0.0),
    "Heun-churn": Heun(churn=0.08),
    "Corrector-two": PredictorCorrector(corrections=2),
}
ALL = SAMPLERS | VARIANTS
GRIDS = {name: cls() for name, cls in implementations(Grid).items()}
COMBINATIONS = [
    (process, grid)
    for process in PROCESSES
    for grid in GRIDS
    if isinstance(PROCESSES[process], Tabulated) or not isinstance(GRIDS[grid], ChainSteps)
]
END_TO_END = [(name, *pair) for name in SAMPLERS for pair in COMBINATIONS] + [
    (name, *pair)
    for name in VARIANTS
    for pair in (("Flow", "UniformTime"), ("Tabulated", "ChainSteps"), ("VE", "Karras"))
]
samplers = pytest.mark.parametrize("name", ALL)
processes = pytest.mark.parametrize("process", REMEMBERED.values(), ids=REMEMBERED)


@pytest.mark.parametrize(("name", "process", "grid"), END_TO_END)
def test_from_noise_to_gaussian_data(name, process, grid):
    """50 steps from pure noise, sigma(1) eps, to data: finite, centred, and with the variance of the data."""
    times = GRIDS[grid].times(PROCESSES[process], 50)
    oracle, end = gaussian(REMEMBERED[process]), level(PROCESSES[process], 1.0)
    mean, variance = Affine(oracle, ALL[name], times).moments(0.0, end.sigma**2)
    far = 0.02 if ALL[name].order > 1 else 0.06
    assert mean == pytest.approx(0.3, abs=far)  # what little x_1 knows of the mean, pure noise does not
    assert variance**0.5 == pytest.approx(0.5, rel=0.05 if ALL[name].order > 1 else 0.15)


@samplers
@pytest.mark.parametrize("steps", [1, 2, 3, 7])
def test_few_steps_of_the_loop(name, steps):
    """Exactly S steps, from t = 1 to t = 0, at exactly the cost that the sampler states."""
    process = REMEMBERED["Flow"]
    oracle, noise = Mixture(process), ImageNoise(0, range(2), (3,))
    times = UniformTime().times(process, steps)
    snapshots = list(trajectory(oracle, process, ALL[name], noise(), times, noise))
    assert [snapshot.t for snapshot in snapshots] == times
    assert [snapshot.step for snapshot in snapshots] == list(range(steps + 1))
    assert all(snapshot.steps == steps and snapshot.x.isfinite().all() for snapshot in snapshots)
    assert oracle.calls == ALL[name].evaluations(steps)
    assert snapshots[-1].x.dtype == torch.float32


@samplers
def test_an_image_is_the_same_alone_and_in_any_batch(name):
    process = REMEMBERED["VPCosine"]
    times = UniformTime().times(process, 6)

    def images(indices):
        noise = ImageNoise(7, indices, (2, 3))
        return sample(Mixture(process), process, ALL[name], noise(), times, noise)

    together = images([0, 1, 2, 3])
    for n in range(4):
        torch.testing.assert_close(images([n])[0], together[n], rtol=0, atol=1e-5)
    torch.testing.assert_close(images([3, 9, 1])[[0, 2]], together[[3, 1]], rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    "name", ["Ancestral", "DDIM", "DPMpp2M", "DPMpp2MSDE", "Euler", "Heun", "PredictorCorrector", "UniPC"]
)
@pytest.mark.parametrize("other", ["Flow", "VE", "Tabulated"])
def test_rescheduling_changes_nothing(name, other):
    """x_t / alpha(t) depends on the process by its log-SNRs alone, and so does every step of these samplers."""
    ends = []
    for process in (REMEMBERED["VPCosine"], REMEMBERED[other]):
        noise = ImageNoise(3, range(5), (2,))
        times = log_snr_grid(process, 9)
        alpha = [level(process, times[k]).alpha for k in (0, -1)]
        x = sample(Mixture(process), process, SAMPLERS[name], 3 * noise().double() * alpha[0], times, noise)
        ends.append(x / alpha[1])
    torch.testing.assert_close(*ends, rtol=1e-6, atol=1e-6)


def run_twice(process, one, two, times, count=4):
    """The ends of two samplers with the same noise, in float64."""
    ends = []
    for sampler in (one, two):
        noise = ImageNoise(1, range(count), (3,))
        start = noise().double() * level(process, times[0]).sigma
        ends.append(sample(Mixture(process), process, sampler, start, times, lambda noise=noise: noise().double()))
    return ends


@processes
def test_ddim_without_noise_is_euler(process):
    torch.testing.assert_close(*run_twice(process, DDIM(), Euler(), UniformTime().times(process, 12)))


@processes
def test_ddim_with_all_noise_is_ancestral(process):
    torch.testing.assert_close(
        *run_twice(process, DDIM(eta=1.0), Ancestral(), UniformTime().times(process, 12)), rtol=1e-6, atol=1e-9
    )


@processes
def test_the_sde_solver_without_noise_is_the_ode_solver(process):
    torch.testing.assert_close(*run_twice(process, DPMpp2MSDE(eta=0.0), DPMpp2M(), UniformTime().times(process, 12)))


@processes
def test_first_order_of_dpmpp_is_ddim(process):
    """Before there is a past, and in the step to sigma = 0: Lu et al. 2022, section 4."""
    for times in ([0.9, 0.6], [0.6, 0.0]):
        torch.testing.assert_close(*run_twice(process, DPMpp2M(), DDIM(), times))


def test_heun_on_the_straight_path_is_textbook_heun_in_t():
    process, times = REMEMBERED["Flow"], UniformTime().times(PROCESSES["Flow"], 10)
    oracle = Mixture(process)
    start = torch.randn(50, dtype=F64, generator=torch.Generator().manual_seed(0))
    velocity = lambda x, t: oracle(x, t).eps - oracle(x, t).x0  # noqa: E731
    x = start
    for t, s in pairwise(times):
        here = velocity(x, t)
        x = x + (s - t) * (here if s == 0 else (here + velocity(x + (s - t) * here, s)) / 2)
    torch.testing.assert_close(sample(oracle, process, Heun(), start, times), x)


def test_heun_in_sigma_coordinates_is_edms_algorithm_1():
    process = REMEMBERED["VE"]
    oracle, times = Mixture(process), UniformTime().times(PROCESSES["VE"], 10)
    start = 80 * torch.randn(50, dtype=F64, generator=torch.Generator().manual_seed(0))
    sigma = lambda t: level(process, t).sigma  # noqa: E731
    slope = lambda x, t: (x - oracle(x, t).x0) / sigma(t)  # noqa: E731
    x = start
    for t, s in pairwise(times):
        here = slope(x, t)
        ahead = x + (sigma(s) - sigma(t)) * here
        x = ahead if s == 0 else x + (sigma(s) - sigma(t)) * (here + slope(ahead, s)) / 2
    torch.testing.assert_close(sample(oracle, process, Heun(coordinates="sigma"), start, times), x)


def test_heun_in_sigma_coordinates_refuses_to_start_without_signal():
    process = PROCESSES["Flow"]
    with pytest.raises(InputError, match="set coordinates=flow"):
        Heun(coordinates="sigma").step(Mixture(process), process, torch.zeros(1), 1.0, 0.5, None, None)


@pytest.mark.parametrize("churn", [-0.1, 0.5, 40.0])
def test_heun_refuses_a_churn_beyond_its_range(churn):
    with pytest.raises(InputError, match="give 0 to 0.414"):
        Heun(churn=churn)


def test_churn_raises_the_noise_to_the_law_of_the_earlier_time():
    process, drawn = REMEMBERED["VPCosine"], torch.randn(200_000, dtype=F64, generator=torch.Generator().manual_seed(0))
    oracle, sampler = gaussian(process), Heun(churn=0.4, noise_scale=1.0)
    start = float(oracle.parts(0.4)[2]) ** 0.5 * drawn
    noise = lambda: torch.randn(200_000, dtype=F64, generator=torch.Generator().manual_seed(1))  # noqa: E731
    raised, t = sampler._churn(process, start, 0.4, noise)
    ratios = [level(process, u).sigma / level(process, u).alpha for u in (t, 0.4)]
    assert ratios[0] / ratios[1] == pytest.approx(1.4, rel=1e-9)
    assert float(raised.var()) == pytest.approx(float(oracle.parts(t)[2]), rel=0.01)
    assert sampler._churn(process, start, 1e-4, noise) == (start, 1e-4)  # below churn_min


@processes
def test_transitions_compose_and_match_bayes(process):
    """q(x_t | x_s): alpha and variance compose over an intermediate time, and the posterior is the product of
    Gaussians."""
    whole, early, late = transition(process, 0.8, 0.2), transition(process, 0.5, 0.2), transition(process, 0.8, 0.5)
    assert whole.alpha == pytest.approx(late.alpha * early.alpha)
    assert whole.variance == pytest.approx(late.variance + late.alpha**2 * early.variance)
    x0, x_t, s = torch.tensor(0.7, dtype=F64), torch.tensor(-0.4, dtype=F64), level(process, 0.2)
    precision = 1 / s.sigma**2 + whole.alpha**2 / whole.variance
    mean = (s.alpha * x0 / s.sigma**2 + whole.alpha * x_t / whole.variance) / precision
    assert float(whole.posterior_mean(x0, x_t)) == pytest.approx(float(mean))
    assert whole.posterior_variance == pytest.approx(1 / precision)


@processes
def test_levels(process):
    assert level(process, 0.0).half_log_snr == float("inf")
    t = torch.tensor(0.3, dtype=F64)
    assert level(process, 0.3).half_log_snr == pytest.approx(float(log_snr(process, t)) / 2)


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("dpmpp_2m", "dpmpp_2m"),
        ("DPMpp2M", "dpmpp_2m"),
        ("dpm++-2m", "dpmpp_2m"),
        ("DPMSolver++", "dpmpp_2m"),
        ("DPM++ 2M SDE", "dpmpp_2m_sde"),
        ("Heun", "heun"),
        ("ddpm", "ancestral"),
        ("UniPC", "unipc"),
        ("PredictorCorrector", "predictor_corrector"),
    ],
)
def test_a_sampler_has_one_name_and_is_known_by_others(given, name):
    assert name_of(choose(Sampler, given, "sampler")) == name
    assert name_of(override(SamplingConfig(), f"sampler={given}").sampler) == name


def test_the_names_are_those_of_the_files():
    assert set(names(Sampler)) == {
        "ancestral",
        "ddim",
        "dpmpp_2m",
        "dpmpp_2m_sde",
        "euler",
        "heun",
        "predictor_corrector",
        "unipc",
    }
    with pytest.raises(
        InputError,
        match="unknown sampler 'dpmpp', did you mean 'dpmpp_2m' or 'dpmpp_2m_sde'. allowed: ancestral, ddim, dpmpp_2m,",
    ):
        choose(Sampler, "dpmpp", "sampler")
