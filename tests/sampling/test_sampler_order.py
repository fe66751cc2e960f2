"""The order of accuracy that every sampler claims, measured on data whose solution is known.

Deterministic samplers on a mixture, against the exact flow of its probability-flow ODE. All samplers on a Gaussian,
where what they do is affine and the variance at the end is exact. Grids are uniform in log-SNR (or in t), off the
singular ends.
"""

import math

import pytest
import torch
from oracles import F64, REMEMBERED, SAMPLERS, Affine, Mixture, gaussian, log_snr_grid, sample

from debruit.sampling.ancestral import Ancestral
from debruit.sampling.ddim import DDIM
from debruit.sampling.dpmpp_2m_sde import DPMpp2MSDE
from debruit.sampling.heun import Heun
from debruit.sampling.predictor_corrector import PredictorCorrector

VARIANTS = {
    "Ancestral-beta": Ancestral(variance="beta"),
    "Ancestral-learned": Ancestral(variance="learned"),
    "DDIM-half": DDIM(eta=0.5),
    "DDIM-one": DDIM(eta=1.0),
    "Heun-sigma": Heun(coordinates="sigma"),
    "DPMpp2MSDE-half": DPMpp2MSDE(eta=0.5),
    "DPMpp2MSDE-ode": DPMpp2MSDE(eta=0.0),
}
ALL = SAMPLERS | VARIANTS
CONVERGENT = {name: sampler for name, sampler in ALL.items() if sampler.order > 0}
DETERMINISTIC = {name: sampler for name, sampler in CONVERGENT.items() if not sampler.stochastic}
PAIRS = [(name, process) for name in CONVERGENT for process in (REMEMBERED if name in SAMPLERS else ["VPCosine", "VE"])]


def order(error, steps: int = 48) -> float:
    """log2 of how much the error falls when the number of steps doubles."""
    return math.log2(error(steps) / error(2 * steps))


@pytest.mark.parametrize(("name", "process"), PAIRS)
def test_order_of_the_variance_on_a_gaussian(name, process):
    process = REMEMBERED[process]
    oracle = gaussian(process)

    def error(steps):
        times = log_snr_grid(process, steps)
        (_, start_mean, start), (_, end_mean, end) = (oracle.parts(times[k]) for k in (0, -1))
        mean, variance = Affine(oracle, CONVERGENT[name], times).moments(float(start_mean), float(start))
        assert mean == pytest.approx(float(end_mean), abs=1e-12)  # the mean is a solution that all of them keep
        return abs(variance - float(end))

    assert order(error) == pytest.approx(CONVERGENT[name].order, abs=0.25)


@pytest.mark.parametrize("grid", ["log-SNR", "t"])
@pytest.mark.parametrize(
    "process", [REMEMBERED["Flow"], REMEMBERED["VPCosine"], REMEMBERED["VE"]], ids=["Flow", "VPCosine", "VE"]
)
@pytest.mark.parametrize("name", DETERMINISTIC)
def test_order_of_the_flow_on_a_mixture(name, process, grid):
    oracle = Mixture(process)

    def error(steps):
        times = log_snr_grid(process, steps)
        if grid == "t":
            times = torch.linspace(times[0], times[-1], steps + 1, dtype=F64).tolist()
        x = torch.linspace(-1.5, 1.5, 31, dtype=F64) * float(oracle.parts(times[0])[2].max()) ** 0.5
        found = sample(oracle, process, DETERMINISTIC[name], x, times)
        return float((found - oracle.flow(x, times[0], times[-1])).abs().max())

    assert order(error, 96) == pytest.approx(DETERMINISTIC[name].order, abs=0.25)


def test_order_of_heun_with_churn():
    """The same fresh noise in all, spread over the steps, costs no order (with noise_scale = 1: EDM's 1.003 is there
    for networks)."""
    process = REMEMBERED["VPCosine"]
    oracle = gaussian(process)

    def error(steps):
        times = log_snr_grid(process, steps)
        sampler = Heun(churn=4.0 / steps, noise_scale=1.0, churn_min=0.0)
        start, end = (float(oracle.parts(times[k])[2]) for k in (0, -1))
        return abs(Affine(oracle, sampler, times).moments(0.0, start)[1] - end)

    assert order(error) == pytest.approx(2, abs=0.25)


@pytest.mark.parametrize("name", [name for name, sampler in ALL.items() if not sampler.stochastic])
def test_deterministic_samplers_never_ask_for_noise(name):
    process = REMEMBERED["VPCosine"]
    sample(
        gaussian(process),
        process,
        ALL[name],
        torch.zeros(1, dtype=F64),
        [1.0 if name != "Heun-sigma" else 0.9, 0.5, 0.1, 0.0],
    )


def test_langevin_corrections_leave_the_bias_that_they_say():
    """Order 0: at the end of a fine grid the variance is 1 / (1 - e / (2 V)) times what it should be, e = 2 (r
    sigma)^2."""
    process, r = REMEMBERED["VPCosine"], 0.5
    oracle, times = gaussian(process), log_snr_grid(REMEMBERED["VPCosine"], 300, end=0.0)
    sampler = PredictorCorrector(signal_to_noise=r, corrections=6)
    start, end = (float(oracle.parts(times[k])[2]) for k in (0, -1))
    sigma = float(process.sigma(torch.tensor(times[-1], dtype=F64)))
    expected = 1 / (1 - (r * sigma) ** 2 / end)
    assert Affine(oracle, sampler, times, draws_per_step=7).moments(0.0, start)[1] / end == pytest.approx(
        expected, rel=0.01
    )
    assert sampler.order == 0
    plain = PredictorCorrector(corrections=0)
    ancestral = Affine(oracle, Ancestral(), times).moments(0.0, start)
    assert Affine(oracle, plain, times).moments(0.0, start) == pytest.approx(ancestral)
