"""Trajectories against diffusers on the same network outputs, where conventions coincide.

diffusers counts timesteps from 0: its timestep k is our step k + 1, and its "trailing" spacing is our ChainSteps where
S divides T. Its tables are float32, hence tolerances of 1e-5. Its Heun and its DPM-Solver keep x / alpha or x, as said
at each.
"""

import pytest
import torch
from diffusers import DDIMScheduler, DDPMScheduler, DPMSolverMultistepScheduler, HeunDiscreteScheduler
from oracles import F64, sample

from debruit.diffusion.chain import Chain, Cosine, Linear, ScaledLinear
from debruit.diffusion.prediction import Coefficients, Estimate, prediction, solve
from debruit.diffusion.processes.tabulated import Tabulated
from debruit.sampling.ancestral import Ancestral
from debruit.sampling.ddim import DDIM
from debruit.sampling.dpmpp_2m import DPMpp2M
from debruit.sampling.grids import ChainSteps
from debruit.sampling.heun import Heun
from debruit.sampling.sampler import level

SHAPE = (2, 3, 4, 4)
CHAINS = {
    "scaled": (
        ScaledLinear(start=0.00085, end=0.012),
        {"beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012},
    ),
    "linear": (Linear(), {"beta_schedule": "linear", "beta_start": 1e-4, "beta_end": 0.02}),
    "cosine": (Cosine(), {"beta_schedule": "squaredcos_cap_v2"}),
}
PREDICTS = {"eps": "epsilon", "v": "v_prediction", "x0": "sample"}


def network(x, i: int):
    """The output of one and the same network at step i, for any prediction type: bounded, nonlinear, of the step's
    own."""
    return 0.9 * torch.tanh(x + 0.3 * torch.sin(torch.tensor(0.01 * i, dtype=F64)))


def denoiser(process: Tabulated, predicts: str = "eps"):
    def denoise(x, t: float) -> Estimate:
        c = Coefficients(process, torch.tensor(t, dtype=F64))
        return solve(prediction(predicts), c, network(x, round(t * process.chain.steps)), x)

    return denoise


def start(seed: int = 0) -> torch.Tensor:
    return torch.randn(SHAPE, dtype=F64, generator=torch.Generator().manual_seed(seed))


def theirs(scheduler, x, steps: int, **options) -> torch.Tensor:
    scheduler.set_timesteps(steps)
    for t in scheduler.timesteps:
        x = scheduler.step(network(x, int(t) + 1), t, x, **options).prev_sample
    return x


def ours(process: Tabulated, sampler, x, steps: int, predicts: str = "eps", noise=None) -> torch.Tensor:
    return sample(denoiser(process, predicts), process, sampler, x, ChainSteps().times(process, steps), noise)


def close(a, b, tolerance: float = 2e-5) -> None:
    torch.testing.assert_close(a.double(), b.double(), rtol=tolerance, atol=tolerance * float(b.abs().max()))


# not eps with cosine: x_0 then divides by sqrt(abar_T) = 5e-5, and float32 tables lose all digits
PAIRS = [(name, predicts) for name in CHAINS for predicts in PREDICTS if (name, predicts) != ("cosine", "eps")]


@pytest.mark.parametrize(("name", "predicts"), PAIRS)
@pytest.mark.parametrize("steps", [1, 10, 50])
def test_ddim(name, predicts, steps):
    schedule, settings = CHAINS[name]
    scheduler = DDIMScheduler(
        **settings,
        prediction_type=PREDICTS[predicts],
        timestep_spacing="trailing",
        clip_sample=False,
        set_alpha_to_one=True,
    )
    close(
        ours(Tabulated(chain=Chain(schedule=schedule)), DDIM(), start(), steps, predicts),
        theirs(scheduler, start(), steps),
    )


@pytest.mark.parametrize("predicts", ["v", "x0"])
def test_ddim_on_a_chain_with_zero_terminal_snr(predicts):
    schedule, settings = CHAINS["linear"]
    scheduler = DDIMScheduler(
        **settings,
        prediction_type=PREDICTS[predicts],
        timestep_spacing="trailing",
        clip_sample=False,
        rescale_betas_zero_snr=True,
    )
    process = Tabulated(chain=Chain(schedule=schedule, zero_terminal_snr=True))
    close(ours(process, DDIM(), start(), 25, predicts), theirs(scheduler, start(), 25))


def test_ddim_with_noise():
    """The same draws in the same order: diffusers draws one too many, at the last step, with no variance."""
    schedule, settings = CHAINS["scaled"]
    scheduler = DDIMScheduler(**settings, timestep_spacing="trailing", clip_sample=False, set_alpha_to_one=True)
    generators = [torch.Generator().manual_seed(5) for _ in range(2)]
    draw = lambda: torch.randn(SHAPE, dtype=F64, generator=generators[0])  # noqa: E731
    found = ours(Tabulated(chain=Chain(schedule=schedule)), DDIM(eta=0.7), start(), 20, noise=draw)
    close(found, theirs(scheduler, start(), 20, eta=0.7, generator=generators[1]))


@pytest.mark.parametrize(("variance", "their_variance"), [("posterior", "fixed_small"), ("beta", "fixed_large")])
def test_ddpm_at_all_its_steps(variance, their_variance):
    settings = {"beta_schedule": "linear", "beta_start": 1e-3, "beta_end": 0.2}
    scheduler = DDPMScheduler(60, **settings, variance_type=their_variance, clip_sample=False)
    generators = [torch.Generator().manual_seed(5) for _ in range(2)]
    draw = lambda: torch.randn(SHAPE, dtype=F64, generator=generators[0])  # noqa: E731
    process = Tabulated(chain=Chain(schedule=Linear(start=1e-3, end=0.2), steps=60))
    found = ours(process, Ancestral(variance=variance), start(), 60, noise=draw)
    close(found, theirs(scheduler, start(), 60, generator=generators[1]))


@pytest.mark.parametrize("final", [{}, {"lower_order_final": False}, {"euler_at_final": True}])
@pytest.mark.parametrize(("predicts", "steps"), [("eps", 2), ("eps", 5), ("v", 20)])
@pytest.mark.parametrize("name", ["scaled", "linear"])
def test_dpm_solver_multistep(name, predicts, steps, final):
    """dpmsolver++, order 2, midpoint. With final_sigmas_type "zero" the last step is of first order whatever the other
    options say."""
    schedule, settings = CHAINS[name]
    scheduler = DPMSolverMultistepScheduler(
        **settings,
        prediction_type=PREDICTS[predicts],
        algorithm_type="dpmsolver++",
        solver_order=2,
        solver_type="midpoint",
        timestep_spacing="trailing",
        final_sigmas_type="zero",
        **final,
    )
    process = Tabulated(chain=Chain(schedule=schedule))
    close(ours(process, DPMpp2M(), start(), steps, predicts), theirs(scheduler, start(), steps))


@pytest.mark.parametrize("steps", [2, 5, 20])
@pytest.mark.parametrize("name", ["scaled", "linear"])
def test_heun_discrete(name, steps):
    """In "sigma" coordinates. diffusers keeps x / alpha, and asks twice a step; both times it is the step where the
    evaluation is."""
    schedule, settings = CHAINS[name]
    process = Tabulated(chain=Chain(schedule=schedule))
    scheduler = HeunDiscreteScheduler(**settings, timestep_spacing="trailing")
    scheduler.set_timesteps(steps)
    x = start() / level(process, 1.0).alpha
    for t in scheduler.timesteps:
        scaled = scheduler.scale_model_input(x, t)
        x = scheduler.step(network(scaled, int(t) + 1), t, x).prev_sample
    close(ours(process, Heun(coordinates="sigma"), start(), steps), x)
