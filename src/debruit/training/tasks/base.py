"""What is trained, as the shell around the loop sees it (supervisor.py)."""

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
    """A training with its data on a device: of a diffusion model (diffusion.py), or of an autoencoder (autoencoder.py)."""

    watches: ClassVar[bool]  # whether a validation may change the state, so that none can be skipped

    def start(self) -> State:
        """Return the state at step 0, which the run's seed determines."""
        ...

    def train(self, state: Any, pool: np.ndarray, length: Length) -> Iterator[Report]:
        """Make steps from where the state is to the end of `length`, on the images `pool` of the data (loop.train).
        Raises Diverged."""
        ...

    def as_planned(self, state: Any) -> bool:
        """Whether a step is of the kind whose speed the plan measured: not with a discriminator, which comes late."""
        ...

    def beside(self, held_out: int) -> Mapping[str, float]:
        """What the work beside the training is expected to cost, by kind (time_budget.py), in images of training: a
        validation on so many held-out images and as many training images, a preview, an alarm, and what the last save
        takes longer than others."""
        ...

    def validate(self, state: Any, indices: np.ndarray) -> Validation:
        """The averaged weights on the images of these indices, with fixed noise."""
        ...

    def watch(self, state: Any, validation: Validation) -> str | None:
        """Told each validation on held-out images; may change the state for the better, and then says so."""
        ...

    def picture(self, state: Any) -> Image:
        """What the averaged weights make, from fixed noise or images."""
        ...

    def model(self, state: Any, *, final: bool = False) -> tuple[Any, Mapping[str, Tensor]]:
        """The description and the weights of the model's file; what is measured for it is measured best at the end,
        `final`."""
        ...
