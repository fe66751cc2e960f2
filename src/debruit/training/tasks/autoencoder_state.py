"""The state of an autoencoder's training, including its discriminator."""

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from debruit.autoencoders.autoencoder import AutoencoderModule
from debruit.autoencoders.losses.criterion import CriterionModule
from debruit.networks.discriminator import PatchDiscriminator
from debruit.rng import Purpose
from debruit.training.config import AutoencoderRun
from debruit.training.state import (
    State,
    averaged,
    below,
    build_optimiser,
    moments,
    restore_moments,
    seeded,
    stored,
)

NEVER = -1
BEST = "best"


@dataclass(kw_only=True)
class AutoencoderState(State):
    """Weights, their average and the best of them, the learned scale of the loss, the discriminator, and the moments of
    the optimisers.

    `lowest` is the lowest held-out score so far, `before` that of the last validation. The discriminator `entered` at
    this number of images (NEVER if not yet), and each of `collapses` halves its weight. `best` are averaged weights
    (discriminator_guard.py), empty before the first validation, taken when `best_images` had been seen.
    """

    module: AutoencoderModule
    average: AutoencoderModule
    criterion: CriterionModule
    optimiser: torch.optim.Optimizer
    discriminator: PatchDiscriminator | None
    discriminator_optimiser: torch.optim.Optimizer | None
    best: dict[str, Tensor]
    lowest: float = float("inf")
    before: float = float("inf")
    entered: int = NEVER
    collapses: int = 0
    best_images: int = 0

    NUMBERS: ClassVar[tuple[str, ...]] = (*State.NUMBERS, "lowest", "before", "entered", "collapses", "best_images")

    @classmethod
    def start(cls, run: AutoencoderRun, device: torch.device) -> "AutoencoderState":
        """Return step 0 of a run, with weights sampled on the CPU from its seed.

        Raise InputError if a pretrained network of the loss is not installed.
        """
        channels = run.data.channels
        module = seeded(lambda: run.model.codec.build(channels), run.seed).to(device)
        criterion = seeded(lambda: run.criterion.build(channels), run.seed).to(device)
        state = cls(
            module=module,
            average=averaged(module),
            criterion=criterion,
            optimiser=build_optimiser(run.optimiser, Trained(module, criterion), half=run.in_bfloat16(device)),
            discriminator=None,
            discriminator_optimiser=None,
            best={},
            images_seen=0,
            total_images=run.images,
        )
        state.renew_discriminator(run, device)
        return state

    def renew_discriminator(self, run: AutoencoderRun, device: torch.device) -> None:
        """Create an untrained discriminator, if the loss has one."""
        config = run.criterion.adversarial
        built = seeded(
            lambda: run.criterion.discriminator(run.data.channels),
            run.seed,
            self.collapses,
            purpose=Purpose.DISCRIMINATOR_WEIGHTS,
        )
        if config is None or built is None:
            return
        self.discriminator = built.to(device)
        self.discriminator_optimiser = torch.optim.Adam(
            self.discriminator.parameters(), lr=config.lr, betas=config.betas
        )

    def weights(self) -> dict[str, Any]:
        """Return which weights the model file holds, and at how many images they were taken."""
        return {
            "weights": "best ema" if self.best else "ema",
            "weights_images_seen": self.best_images or self.images_seen,
        }

    def tensors(self) -> dict[str, Tensor]:
        tensors = stored("weights", self.module) | stored("average", self.average)
        tensors |= stored("criterion", self.criterion)
        tensors |= moments("optimiser", self.optimiser, Trained(self.module, self.criterion))
        if self.discriminator is not None and self.discriminator_optimiser is not None:
            tensors |= stored("discriminator", self.discriminator)
            tensors |= moments("discriminator_optimiser", self.discriminator_optimiser, self.discriminator)
        return tensors | {f"{BEST}/{name}": value for name, value in self.best.items()}

    def numbers(self) -> dict[str, float]:
        """Return the scalars, without those that are still infinite, since JSON has no infinity."""
        return {name: value for name, value in super().numbers().items() if value != float("inf")}

    def restore(self, tensors: dict[str, Tensor], numbers: dict[str, float]) -> None:
        self.lowest = self.before = float("inf")
        super().restore(tensors, numbers)
        self.module.load_state_dict(below("weights", tensors))
        self.average.load_state_dict(below("average", tensors))
        self.criterion.load_state_dict(below("criterion", tensors))
        restore_moments(self.optimiser, Trained(self.module, self.criterion), below("optimiser", tensors))
        if self.discriminator is not None and self.discriminator_optimiser is not None:
            self.discriminator.load_state_dict(below("discriminator", tensors))
            discriminator_moments = below("discriminator_optimiser", tensors)
            restore_moments(self.discriminator_optimiser, self.discriminator, discriminator_moments)
        device = next(self.module.parameters()).device
        self.best = {name: value.to(device) for name, value in below(BEST, tensors).items()}


class Trained(nn.Module):
    """The modules that the autoencoder's optimiser changes: the autoencoder, and the learned scale of a likelihood, if
    any."""

    def __init__(self, autoencoder: AutoencoderModule, criterion: CriterionModule) -> None:
        super().__init__()
        self.autoencoder, self.criterion = autoencoder, criterion
