"""Guard of an autoencoder against its discriminator: when it enters, which weights are best, and the way back from a
collapse.

A score is the error on held-out images, absolute and perceptual, which a discriminator must not worsen.
"""

import torch

from debruit.training.config import AutoencoderRun
from debruit.training.tasks.autoencoder_state import NEVER, AutoencoderState


def judge(state: AutoencoderState, run: AutoencoderRun, score: float, device: torch.device) -> str | None:
    """Handle the score of a validation of the averaged weights, and return a sentence about what was done, if anything.

    The best weights are stored, the discriminator enters, or a collapse is rolled back; all of that changes `state`.
    """
    limits, entered = run.discriminator_guard, state.entered != NEVER
    if entered and state.best and not score <= limits.collapse * state.lowest:  # not: a NaN is a collapse too
        return _roll_back(state, run, score, device)
    state.lowest = min(state.lowest, score)
    if score <= state.lowest * (1 + limits.slack * entered):
        state.best = {name: value.detach().clone() for name, value in state.average.state_dict().items()}
        state.best_images = state.images_seen
    flat = state.before < float("inf") and state.before - score < limits.flat * state.before
    state.before = score
    adversarial = run.criterion.adversarial
    if adversarial is None or adversarial.begins_images is not None or state.discriminator is None:
        return None
    if entered or not flat:
        return None
    state.entered = state.images_seen
    return f"reconstruction has flattened (score {score:.4f}): the discriminator enters at {state.images_seen:,} images"


def enter_as_scheduled(state: AutoencoderState, run: AutoencoderRun) -> None:
    """Let the discriminator enter if the run sets the number of images for that and it is reached."""
    adversarial = run.criterion.adversarial
    if adversarial is None or adversarial.begins_images is None:
        return
    if state.discriminator is not None and state.entered == NEVER and state.images_seen >= adversarial.begins_images:
        state.entered = state.images_seen


def strength(state: AutoencoderState, run: AutoencoderRun) -> float:
    """Return the present factor of the adversarial term.

    0 before the discriminator enters and after it is left out, else its ramp, halved by each collapse.
    """
    adversarial = run.criterion.adversarial
    if adversarial is None or state.discriminator is None or state.entered == NEVER:
        return 0.0
    if state.collapses > run.discriminator_guard.roll_backs:
        return 0.0
    return adversarial.ramp(state.images_seen - state.entered) * 0.5**state.collapses


def _roll_back(state: AutoencoderState, run: AutoencoderRun, score: float, device: torch.device) -> str:
    state.collapses += 1
    for module in (state.module, state.average):
        module.load_state_dict(state.best)
    state.optimiser.state.clear()
    state.renew_discriminator(run, device)
    state.entered, state.before = state.images_seen, float("inf")
    left_out = state.collapses > run.discriminator_guard.roll_backs
    consequence = (
        "it is left out from now on" if left_out else f"it enters again with {0.5**state.collapses:g} of its weight"
    )
    return (
        f"the discriminator was ruining the reconstruction (score {score:.4f}, the lowest was {state.lowest:.4f}): "
        f"back to the best weights; {consequence}"
    )
