"""Snapshots carry the denoiser's estimates; the last one is the sample."""

from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from oracles import REMEMBERED, SAMPLERS, Mixture

from debruit.sampling.config import SamplingConfig
from debruit.sampling.grids import UniformTime
from debruit.sampling.heun import Heun
from debruit.sampling.job import SamplingJob
from debruit.sampling.loop import trajectory
from debruit.sampling.noise import ImageNoise

FLOW = REMEMBERED["Flow"]


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_snapshot_has_the_first_estimate_of_its_step(name):
    """x0 and eps are those of D(x_t, t), x_t the snapshot before, and cost no further evaluation."""
    oracle, noise = Mixture(FLOW), ImageNoise(0, range(2), (3,))
    snapshots = list(trajectory(oracle, FLOW, SAMPLERS[name], noise(), UniformTime().times(FLOW, 4), noise))
    assert oracle.calls == SAMPLERS[name].evaluations(4)
    assert snapshots[0].x0 is snapshots[0].eps is None
    if name == "UniPC":  # it corrects x_t with that estimate
        snapshots = snapshots[:2]
    for before, after in pairwise(snapshots):
        estimate = oracle(before.x, before.t)
        torch.testing.assert_close((after.x0, after.eps), (estimate.x0, estimate.eps))


def test_with_churn_the_estimate_is_of_the_noisier_image():
    oracle, noise = Mixture(FLOW), ImageNoise(0, range(2), (3,))
    first, last = trajectory(oracle, FLOW, Heun(churn=0.3), noise(), [0.9, 0.5], noise)
    assert last.x0 is not None
    assert not torch.equal(last.x0, oracle(first.x, 0.9).x0)


def test_the_final_snapshot_of_a_job_is_the_last_of_its_run():
    job = SamplingJob(
        denoise=Mixture(FLOW),
        process=FLOW,
        settings=SamplingConfig(steps=3),
        noise=ImageNoise(0, range(2), (3,)),
        device=torch.device("cpu"),
    )
    *_, last = replace(job, noise=ImageNoise(0, range(2), (3,))).run()
    final = job.final()
    assert (final.step, final.t) == (last.step, last.t) == (3, 0.0)
    assert torch.equal(final.x, last.x)
