"""Time densities: their quantile functions have the claimed laws, and low discrepancy spreads them."""

import math

import pytest
import torch
from oracles import F64, PROCESSES
from scipy import stats

from debruit.diffusion.density import Density, LogitNormal, LogNormalSigma, UniformSteps, UniformTime
from debruit.diffusion.process import log_snr
from debruit.seams import implementations

EVEN = (torch.arange(2000, dtype=F64) + 0.5) / 2000  # its image under a quantile function is within 1 / 4000 of the law
DENSITIES = {name: cls() for name, cls in implementations(Density).items()}
processes = pytest.mark.parametrize("process", PROCESSES.values(), ids=PROCESSES)


def distance(values: torch.Tensor, law) -> float:
    """Kolmogorov and Smirnov's distance between values and a law of scipy's."""
    return stats.kstest(values.numpy(), law.cdf).statistic


@processes
@pytest.mark.parametrize("name", DENSITIES)
def test_quantiles_rise_within_the_interval(name, process):
    t = DENSITIES[name].quantile(EVEN, process)
    assert t.dtype == F64
    assert ((t > 0) & (t <= 1)).all()
    assert (t.diff() >= 0).all()


def test_uniform_time():
    t = UniformTime(t_min=0.01).quantile(EVEN, PROCESSES["Flow"])
    assert distance(t, stats.uniform(0.01, 0.99)) < 1e-3


@pytest.mark.parametrize(("mean", "std"), [(0.0, 1.0), (-0.5, 0.7)])
def test_logit_normal(mean, std):
    t = LogitNormal(mean=mean, std=std).quantile(EVEN, PROCESSES["Flow"])
    assert distance(torch.logit(t), stats.norm(mean, std)) < 1e-3


@processes
def test_log_normal_sigma(process):
    """log(sigma / alpha) is normal for any process that reaches so far: P(log sigma > 4.4) is 1e-6 here."""
    t = LogNormalSigma(mean=-1.2, std=1.2).quantile(EVEN, process)
    assert distance(-log_snr(process, t) / 2, stats.norm(-1.2, 1.2)) < 1e-3


@pytest.mark.parametrize("steps", [1, 7, 1000])
def test_uniform_steps_hits_every_step_equally_often(steps):
    u = (torch.arange(3 * steps, dtype=F64) + 0.5) / (3 * steps)
    i = UniformSteps(steps=steps).quantile(u, PROCESSES["Flow"]) * steps
    counts = torch.bincount(i.round().long(), minlength=steps + 1)
    assert counts[0] == 0
    assert (counts[1:] == 3).all()
    ends = UniformSteps(steps=steps).quantile(torch.tensor([0.0, 1.0], dtype=F64), PROCESSES["Flow"])
    assert ends.tolist() == [1 / steps, 1.0]


def test_extreme_uniforms_stay_finite():
    tiny = torch.tensor([0.0, 1e-300, 1 - 2**-53], dtype=F64)
    for density in DENSITIES.values():
        t = density.quantile(tiny, PROCESSES["VPCosine"])
        assert t.isfinite().all()
    assert math.isclose(float(LogitNormal().quantile(torch.tensor(0.5, dtype=F64), PROCESSES["Flow"])), 0.5)
