"""What keeps a discriminator from ruining an autoencoder: when it enters, which weights are the best, and the way back
from a collapse.

A score is the error on held-out images, absolute and perceptual: what a discriminator is not allowed to spoil.
"""

import torch

from debruit.training.config import AutoencoderRun
from debruit.training.tasks.autoencoder_state import NEVER, AutoencoderState


def judge(state: AutoencoderState, run: AutoencoderRun, score: float, device: torch.device) -> str | None:
    """Told the score of a validation of the averaged weights: keeps the best, lets the discriminator in, rolls back a
    collapse. Says what it did."""
    watch, entered = run.watch, state.entered != NEVER
    if entered and state.best and not score <= watch.collapse * state.lowest:  # not: a NaN is a collapse too
        return _roll_back(state, run, score, device)
    state.lowest = min(state.lowest, score)
    if score <= state.lowest * (1 + watch.slack * entered):
        state.best = {name: value.detach().clone() for name, value in state.average.state_dict().items()}
        state.best_images = state.images_seen
    flat = state.before < float("inf") and state.before - score < watch.flat * state.before
    state.before = score
    wanted = run.criterion.adversarial
    if entered or state.discriminator is None or wanted is None or wanted.begins_images is not None or not flat:
        return None
    state.entered = state.images_seen
    return f"reconstruction has flattened (score {score:.4f}): the discriminator enters at {state.images_seen:,} images"


def enter_as_asked(state: AutoencoderState, run: AutoencoderRun) -> None:
    """The discriminator of a run that says when, by a number of images."""
    wanted = run.criterion.adversarial
    if wanted is None or wanted.begins_images is None or state.discriminator is None or state.entered != NEVER:
        return
    if state.images_seen >= wanted.begins_images:
        state.entered = state.images_seen


def strength(state: AutoencoderState, run: AutoencoderRun) -> float:
    """The factor of the adversarial term at this moment: 0 before it enters and once it is left out, else its ramp,
    halved by each collapse."""
    config = run.criterion.adversarial
    if (
        config is None
        or state.discriminator is None
        or state.entered == NEVER
        or state.collapses > run.watch.roll_backs
    ):
        return 0.0
    return config.ramp(state.images_seen - state.entered) * 0.5**state.collapses


def _roll_back(state: AutoencoderState, run: AutoencoderRun, score: float, device: torch.device) -> str:
    state.collapses += 1
    for module in (state.module, state.average):
        module.load_state_dict(state.best)
    state.optimiser.state.clear()
    state.renew_discriminator(run, device)
    state.entered, state.before = state.images_seen, float("inf")
    left_out = state.collapses > run.watch.roll_backs
    then = "it is left out from now on" if left_out else f"it enters again with {0.5**state.collapses:g} of its weight"
    return f"the discriminator was ruining the reconstruction (score {score:.4f}, the lowest was {state.lowest:.4f}): back to the best weights; {then}"
