"""Measure the training step of a run on this device, with synthetic images."""

from dataclasses import replace

import numpy as np
import torch

from debruit import events
from debruit.conditioning.batch import ConditionBatch
from debruit.planning.cost import BACKWARD, forward_flops, step_flops
from debruit.planning.throughput import step_rate
from debruit.rng import Purpose, stream
from debruit.training.batches import Batch
from debruit.training.config import AnyRun, AutoencoderRun, DistillationRun, Run
from debruit.training.optim.gradient import Gradient
from debruit.training.state import TrainState
from debruit.training.tasks import autoencoder_step
from debruit.training.tasks.autoencoder_state import AutoencoderState
from debruit.training.tasks.diffusion import optimise

COMPILE_FROM_SECONDS = 20 * 60.0  # compiling takes about a minute


def measure(run: AnyRun, device: torch.device, seconds: float = 2.0) -> float:
    """Images per second of this run's training step; for an autoencoder without the discriminator, which enters
    late, and for a distillation with the teacher's share, counted in operations."""
    if isinstance(run, DistillationRun):
        return _diffusion(run, device, seconds) * BACKWARD * forward_flops(run) / step_flops(run)
    return _diffusion(run, device, seconds) if isinstance(run, Run) else _autoencoder(run, device, seconds)


def _diffusion(run: Run, device: torch.device, seconds: float) -> float:
    state = TrainState.start(run, device)
    batch = synthetic(run)
    with Gradient(run, state.backbone, device) as gradient:
        return run.batch * step_rate(lambda: optimise(state, run, gradient, batch, 0.0), device, seconds)


def _autoencoder(run: AutoencoderRun, device: torch.device, seconds: float) -> float:
    state = AutoencoderState.start(run, device)
    images = stream(Purpose.SYNTHETIC, 0).uniform((run.batch, *run.data.shape)).float() * 2 - 1
    eps = stream(Purpose.SYNTHETIC, 0).normal((run.batch, *autoencoder_step.latent_shape(run)))
    batch = autoencoder_step.AutoencoderBatch(images.to(device), eps.to(device), np.arange(run.batch, dtype=np.uint64))
    with autoencoder_step.sharing(state, run, device) as shares:
        return run.batch * step_rate(lambda: autoencoder_step.step(state, run, batch, 0.0, shares), device, seconds)


def synthetic(run: Run) -> Batch:
    """A batch of noise with the shapes of the run's data."""
    numbers = stream(Purpose.SYNTHETIC, 0)
    model = run.step_model
    shape = (run.batch, *model.latent_shape)
    conditions = ConditionBatch.full(model, run.batch)
    x0, eps = numbers.normal(shape).clamp(-1, 1), numbers.normal(shape)
    t = run.objective.density.quantile(numbers.uniform((run.batch,)), run.model.process)
    return Batch(x0, t, eps, conditions.values, conditions.keep, np.arange(run.batch, dtype=np.uint64))


def compiled_where_it_pays(run: Run, device: torch.device, speed: float) -> tuple[Run, float]:
    """Decide on torch.compile; return the run and its speed. A long training on a GPU is measured both ways; on a CPU,
    splitting the batch over the cores gains as much (gradient.py), without the time for compiling."""
    if run.compile is not None:
        return run, speed
    seconds = run.minutes * 60 if run.minutes else run.images / speed
    eager = replace(run, compile=False)
    if device.type != "cuda" or seconds < COMPILE_FROM_SECONDS:
        return eager, speed
    compiled = replace(run, compile=True)
    try:
        faster = measure(compiled, device, 2.0)
    except Exception as error:  # a missing or failing compiler does not prevent training
        events.notice(
            f"torch.compile does not work here ({type(error).__name__}); training continues without it", stage="plan"
        )
        return eager, speed
    return (compiled, faster) if faster > speed else (eager, speed)
