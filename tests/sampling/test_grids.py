"""Grids: S + 1 strictly falling times from 1 to 0, for every S and every process."""

import itertools
import math

import pytest
import torch
from oracles import F64, PROCESSES

from debruit.diffusion.chain import Chain
from debruit.diffusion.process import log_snr
from debruit.diffusion.processes.tabulated import Tabulated
from debruit.errors import InputError
from debruit.sampling.grids import ChainSteps, Grid, Karras, UniformLogSNR, UniformTime
from debruit.sampling.sampler import level
from debruit.seams import implementations

GRIDS = {name: cls() for name, cls in implementations(Grid).items()}
QUICK = (
    "ChainSteps",
    "UniformTime",
)  # the others search for times, slowly on the table of a chain: every S on one of them
processes = pytest.mark.parametrize("process", PROCESSES.values(), ids=PROCESSES)


@processes
@pytest.mark.parametrize("name", GRIDS)
def test_from_one_to_zero_falling_for_every_number_of_steps(name, process):
    if isinstance(GRIDS[name], ChainSteps) and not isinstance(process, Tabulated):
        with pytest.raises(InputError, match="continuous time: use UniformTime"):
            GRIDS[name].times(process, 5)
        return
    for steps in range(1, 61, 1 if name in QUICK or process is PROCESSES["Tabulated"] else 6):
        times = GRIDS[name].times(process, steps)
        assert len(times) == steps + 1
        assert times[0] == 1
        assert times[-1] == 0
        assert all(later < earlier for earlier, later in itertools.pairwise(times))
        assert all(isinstance(t, float) for t in times)


def test_the_chains_own_steps_for_every_count():
    """A known sampler indexes out of range for more than half of all S, and never starts at T."""
    process = Tabulated()
    for steps in range(1, 1001):
        i = [t * 1000 for t in ChainSteps().times(process, steps)]
        rounded = [round(value) for value in i]
        assert max(abs(a - b) for a, b in zip(i, rounded, strict=True)) < 1e-9
        assert rounded[0] == 1000
        assert rounded[-1] == 0
        assert len(set(rounded)) == steps + 1
        gaps = [a - b for a, b in itertools.pairwise(rounded)]
        assert max(gaps) - min(gaps) <= 1  # as equidistant as whole numbers can be


@pytest.mark.parametrize("steps", [0, -1, 1001, 5000])
def test_more_steps_than_the_chain_has(steps):
    with pytest.raises(InputError) as error:
        ChainSteps().times(Tabulated(), steps)
    assert str(error.value) == f"{steps} steps on a chain of 1000: give --steps between 1 and 1000"


def test_all_of_a_chain():
    assert ChainSteps().times(Tabulated(chain=Chain(steps=4)), 4) == [1.0, 0.75, 0.5, 0.25, 0.0]


def test_uniform_time_and_its_shift():
    process = PROCESSES["Flow"]
    assert UniformTime().times(process, 4) == [1.0, 0.75, 0.5, 0.25, 0.0]
    shifted = UniformTime(shift=3.0).times(process, 4)
    assert shifted == pytest.approx([1, 0.9, 0.75, 0.5, 0])
    # on the straight path the shift multiplies sigma / alpha: Esser et al. 2024, equation 23
    for u, t in zip([0.75, 0.5, 0.25], shifted[1:-1], strict=True):
        assert t / (1 - t) == pytest.approx(3 * u / (1 - u))


@processes
def test_log_snr_is_equidistant(process):
    times = UniformLogSNR().times(process, 12)
    inside = log_snr(process, torch.tensor(times[1:-1], dtype=F64))
    torch.testing.assert_close(inside.diff(), inside.diff()[:1].expand(10), rtol=1e-6, atol=0)
    assert float(inside[-1]) <= 10 + 1e-9


@processes
def test_karras_is_equation_5(process):
    times = Karras(sigma_min=0.02, sigma_max=20.0, rho=7.0).times(process, 9)
    ends = [level(process, t) for t in (1 / 1000, 1.0)]
    high = min(20.0, ends[1].sigma / ends[1].alpha if ends[1].alpha > 0 else math.inf)
    low = 0.02
    if isinstance(process, Tabulated):  # whose first step may be noisier
        first = level(process, 1 / process.chain.steps)
        low = max(low, first.sigma / first.alpha)
    for k in range(1, 9):
        at = level(process, times[k])
        expected = (high ** (1 / 7) + k / 8 * (low ** (1 / 7) - high ** (1 / 7))) ** 7
        assert at.sigma / at.alpha == pytest.approx(expected, rel=1e-6)
