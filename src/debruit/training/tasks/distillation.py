"""The training of a few-step student as a task: examples from the trajectories of its teacher (trajectories.py)."""

from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from PIL.Image import Image
from torch import Tensor

from debruit.autoencoders import bounded
from debruit.autoencoders.pixels import Pixels
from debruit.data.dataset import Dataset
from debruit.data.order import Order
from debruit.data.split import Split
from debruit.errors import InputError
from debruit.images import figures
from debruit.models.config import ModelConfig, named
from debruit.models.diffusion import Model
from debruit.models.model_file import digest
from debruit.training.batches import Batch
from debruit.training.config import DistillationRun
from debruit.training.loop import Report, Step, train
from debruit.training.optim.gradient import Gradient, losses
from debruit.training.state import TrainState
from debruit.training.tasks.diffusion import optimise
from debruit.training.time_budget import ByImages, Length
from debruit.training.trajectories import Trajectories, TrajectorySource, examples
from debruit.training.validation import Validation

VALIDATED = 64  # trajectories; they are sampled once
PREVIEW_COUNT = 16


class Distillation:
    """The distillation of `teacher` into a student; see Task."""

    guards: ClassVar[bool] = False

    def __init__(
        self, run: DistillationRun, dataset: Dataset, device: torch.device, split: Split, teacher: Model
    ) -> None:
        self.run, self.dataset, self.device, self.split = run, dataset, device, split
        self.teacher = teacher
        self.source = TrajectorySource(run, teacher, dataset)
        self._validated: dict[bytes, Trajectories] = {}

    @classmethod
    def open(
        cls, run: DistillationRun, dataset: Dataset, device: torch.device, split: Split, path: Path
    ) -> "Distillation":
        """Return the task with the teacher in the file `path`.

        Raise InputError if there is none, or it is another one than the run's.
        """
        teacher = Model.load(path, str(device))
        if digest(path) != run.teacher.digest:
            raise InputError(
                f"{path} is another model than the teacher of this run ({run.teacher.name}): put the right one back, "
                "or start a new run"
            )
        return cls(run, dataset, device, split, teacher)

    def start(self) -> TrainState:
        """Return step 0: the weights of the teacher."""
        codec = None if isinstance(self.run.model.codec, Pixels) else self.teacher.codec
        state = TrainState.start(self.run, self.device, codec)
        for module in (state.backbone, state.average):
            module.load_state_dict(self.teacher.backbone.state_dict())
        return state

    def train(self, state: TrainState, pool: np.ndarray, length: Length | None = None) -> Iterator[Report]:
        return train(self, state, pool, length or ByImages())

    def batch(self, order: Order, first: int, attempt: int) -> Batch:
        return self.source.batch(order, first, attempt)

    @contextmanager
    def stepping(self, state: TrainState) -> Generator[Step]:
        with Gradient(self.run, state.backbone, self.device) as gradient:
            yield lambda batch, rate: optimise(state, self.run, gradient, batch, rate)

    def as_planned(self, state: TrainState) -> bool:
        return True

    def overheads(self, held_out: int) -> dict[str, float]:
        """A forward pass costs a third of the student's part of a training step."""
        one = 1 / (3 + self.run.teacher.evaluations / (self.run.evaluations * self.run.reuse))
        count = min(held_out, VALIDATED)
        return {
            "validate": 4 * self.run.evaluations * count * one,
            "preview": (self.run.evaluations + self.run.teacher.evaluations) * PREVIEW_COUNT * one,
        }

    @torch.no_grad()
    def validate(self, state: TrainState, indices: np.ndarray) -> Validation:
        """Return the loss on trajectories with the conditions of these images, that of each segment, loss_1 the one
        from noise, and the distance of the student's images to the teacher's, the root mean square in the units of the
        network."""
        paths = self._paths(indices[:VALIDATED])
        batch = examples(paths, self.source.grid, self.run.model.process)
        each = torch.cat(
            [
                losses(
                    self.run,
                    state.average,
                    state.average,
                    batch.part(start, start + self.run.batch, self.device),
                    self.device,
                ).cpu()
                for start in range(0, len(batch), self.run.batch)
            ]
        )
        by_segment = each.reshape(-1, self.run.evaluations).mean(dim=0)
        parts = {f"loss_{k}": float(value) for k, value in enumerate(by_segment, start=1)}
        parts["distance"] = float((self._student(state, paths) - paths.x[:, -1]).square().mean().sqrt())
        return Validation(float(each.mean()), parts)

    def guard(self, state: TrainState, validation: Validation) -> str | None:
        return None

    @torch.no_grad()
    def preview(self, state: TrainState) -> Image:
        """Return images of the teacher, each above the student's from the same noise."""
        indices = self.split.validation if len(self.split.validation) else self.split.train
        paths = self._paths(np.resize(indices, PREVIEW_COUNT))
        both = torch.stack([paths.x[:, -1], torch.nan_to_num(self._student(state, paths), 0, 0, 0)], dim=1)
        sizes = self.run.step_model.data.sizes
        images = bounded.decode(self.teacher.codec, both.flatten(0, 1).to(self.device), sizes).float().cpu()
        # rows of eight: eight of the teacher, then eight of the student
        rows = self.run.data.from_model(images).unflatten(0, (-1, 8, 2)).transpose(1, 2).flatten(0, 2)
        return figures.grid(figures.displayable(rows, self.run.data), columns=8)

    def model(self, state: TrainState, *, final: bool = False) -> tuple[ModelConfig, Mapping[str, Tensor]]:
        return self.run.model, named(state.average, state.codec)

    def _paths(self, indices: np.ndarray) -> Trajectories:
        """Return the teacher's trajectories for these images; sampled once."""
        key = indices.tobytes()
        if key not in self._validated:
            self._validated[key] = self.source.validation(indices)
        return self._validated[key]

    def _student(self, state: TrainState, paths: Trajectories) -> Tensor:
        """Return the student's latents from the noise of these trajectories, (B, C, *S), on the CPU."""
        model = Model(self.run.model, state.average, codec=state.codec)
        job = model.job_under(paths.conditions, model.settings(), range(len(paths.x)))
        return job.final(paths.x[:, 0].to(self.device)).x.cpu()
