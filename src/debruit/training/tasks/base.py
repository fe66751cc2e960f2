"""The protocol of a task: a diffusion model or an autoencoder, as the supervisor trains it."""

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Protocol

import numpy as np
from PIL.Image import Image
from torch import Tensor

from debruit.training.loop import Report, Trainee
from debruit.training.state import State
from debruit.training.time_budget import Length
from debruit.training.validation import Validation


class Task(Trainee, Protocol):
    """A training with its data on a device: of a diffusion model (diffusion.py) or of an autoencoder (autoencoder.py).

    `guards`: whether a validation may change the state, so that none can be skipped.
    """

    guards: ClassVar[bool]

    def start(self) -> State:
        """Return the state at step 0, which is determined by the run's seed."""
        ...

    def train(self, state: Any, pool: np.ndarray, length: Length) -> Iterator[Report]:
        """Make steps from the present state to the end of `length`, on the images `pool` of the data (loop.train).

        Raise Diverged.
        """
        ...

    def as_planned(self, state: Any) -> bool:
        """Whether steps are of the kind whose speed the plan measured: not with a discriminator, which enters late."""
        ...

    def overheads(self, held_out: int) -> Mapping[str, float]:
        """Return the expected cost of each kind of overhead (time_budget.py), in images of training.

        "validate" is a validation on `held_out` images and as many training images, "preview" a preview, "alarm" a call
        of the copy alarm, and "finish" the extra time of the last save.
        """
        ...

    def validate(self, state: Any, indices: np.ndarray) -> Validation:
        """Return the loss of the averaged weights on the images of these indices, with fixed noise."""
        ...

    def guard(self, state: Any, validation: Validation) -> str | None:
        """Handle a validation on held-out images; return a sentence if that changed the state."""
        ...

    def preview(self, state: Any) -> Image:
        """Return a preview of the averaged weights, from fixed noise or images."""
        ...

    def model(self, state: Any, *, final: bool = False) -> tuple[Any, Mapping[str, Tensor]]:
        """Return the configuration and the weights of the model file.

        With `final`, at the end of a training, what is measured for it is measured on more images.
        """
        ...
