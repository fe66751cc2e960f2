"""Schedules against diffusers' DDPMScheduler.

Its tables begin at step 1 (`alphas_cumprod[0]` is abar_1, its timestep k is our i = k + 1) and are float32; otherwise
they are these.
"""

import pytest
import torch
from diffusers import DDPMScheduler

from debruit.diffusion.chain import Chain, Cosine, Linear, ScaledLinear

CASES = {
    "linear": (Linear(), {"beta_schedule": "linear", "beta_start": 1e-4, "beta_end": 0.02}),
    "scaled_linear": (
        ScaledLinear(start=0.00085, end=0.012),
        {"beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012},
    ),
    "cosine": (Cosine(), {"beta_schedule": "squaredcos_cap_v2"}),
}


@pytest.mark.parametrize("steps", [50, 1000])
@pytest.mark.parametrize("zero", [False, True])
@pytest.mark.parametrize("name", CASES)
def test_same_tables(name, zero, steps):
    schedule, settings = CASES[name]
    theirs = DDPMScheduler(num_train_timesteps=steps, rescale_betas_zero_snr=zero, **settings)
    ours = Chain(schedule=schedule, steps=steps, zero_terminal_snr=zero)
    torch.testing.assert_close(ours.beta[1:].float(), theirs.betas, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(ours.abar[1:].float(), theirs.alphas_cumprod, rtol=1e-3, atol=1e-6)


def test_same_forward_process():
    theirs, ours = DDPMScheduler(beta_start=1e-4, beta_end=0.02), Chain()
    x0, eps, i = torch.randn(4, 1, 2, 2), torch.randn(4, 1, 2, 2), torch.tensor([1, 2, 500, 1000])
    torch.testing.assert_close(ours.q(x0, i).sample(eps), theirs.add_noise(x0, eps, i - 1), rtol=1e-4, atol=1e-4)
