"""The training of a diffusion model as a task: on pixels, or on the latents of a frozen autoencoder, which are computed
once."""

import math
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from PIL.Image import Image
from torch import Tensor

from debruit.autoencoders.autoencoder import Autoencoder
from debruit.autoencoders.codec import CodecModule
from debruit.data.dataset import Dataset
from debruit.data.latents import LatentCache, latent_cache
from debruit.data.order import Order
from debruit.data.split import Split
from debruit.errors import InputError
from debruit.models.autoencoder import FirstStage
from debruit.models.config import ModelConfig, named
from debruit.models.diffusion import Model
from debruit.sampling.dpmpp_2m import DPMpp2M
from debruit.sampling.grids import UniformTime
from debruit.training import previews
from debruit.training.batches import Batch, training_batch
from debruit.training.config import Run
from debruit.training.loop import Report, Step, train
from debruit.training.optim.gradient import Gradient
from debruit.training.previews import conditions
from debruit.training.state import TrainState
from debruit.training.time_budget import ByImages, Length
from debruit.training.validation import Validation, validate

PREVIEW_COUNT, PREVIEW_SEED = 16, 0
PREVIEW_STEPS = 10  # of DPM-Solver++ 2M, whatever the model's sampler: a preview costs a few steps of training
PREVIEW_SHARE = 0.01
ALARM_COUNT = 32  # images that the alarm on copies samples in the same way


class Diffusion:
    """The training of a diffusion model; see Task. `codec` is the frozen autoencoder of a latent model, and `latents`
    are those of the data."""

    guards: ClassVar[bool] = False

    def __init__(
        self,
        run: Run,
        dataset: Dataset,
        device: torch.device,
        split: Split,
        *,
        codec: CodecModule | None = None,
        latents: LatentCache | None = None,
    ) -> None:
        self.run, self.dataset, self.device, self.split = run, dataset, device, split
        self.codec, self.latents = codec, latents

    @classmethod
    def open(cls, run: Run, dataset: Dataset, device: torch.device, split: Split, first_stage: Path) -> "Diffusion":
        """Return the task with what its codec needs: the autoencoder in the file `first_stage`, and the latents, from
        the cache if they are there.

        Raise InputError if there is no such file, or it holds another autoencoder than the run was made for.
        """
        codec = run.model.codec
        if not isinstance(codec, Autoencoder):
            return cls(run, dataset, device, split)
        stage = FirstStage.load(first_stage, str(device))
        if stage.config.codec != codec:
            raise InputError(
                f"{first_stage} holds another autoencoder (fingerprint {stage.config.codec.fingerprint:.8}) than the "
                f"one this model was trained on ({codec.fingerprint:.8}), and latents of different autoencoders do "
                "not mix: put the right one back, or start a new run"
            )
        cache = latent_cache(dataset, codec, stage.module, flip=run.flip, device=device)
        return cls(run, dataset, device, split, codec=stage.module, latents=cache)

    def start(self) -> TrainState:
        return TrainState.start(self.run, self.device, self.codec)

    def train(self, state: TrainState, pool: np.ndarray, length: Length | None = None) -> Iterator[Report]:
        return train(self, state, pool, length or ByImages())

    def batch(self, order: Order, first: int, attempt: int) -> Batch:
        return training_batch(self.run, self.dataset, order, first, attempt, latents=self.latents)

    @contextmanager
    def stepping(self, state: TrainState) -> Generator[Step]:
        with Gradient(self.run, state.backbone, self.device) as gradient:
            yield lambda batch, rate: optimise(state, self.run, gradient, batch, rate)

    def as_planned(self, state: TrainState) -> bool:
        return True

    def overheads(self, held_out: int) -> dict[str, float]:
        """A forward pass costs a third of a training step; guidance needs two per image."""
        cost = self._sampling_cost
        return {"validate": 2 * held_out / 3, "preview": self.preview_count * cost, "alarm": ALARM_COUNT * cost}

    @property
    def _sampling_cost(self) -> float:
        """The cost of sampling one image, in images of training."""
        branches = 2 if any(c.drop > 0 for c in self.run.model.conditioners) else 1
        whole = math.prod(self.run.model.latent_shape) / math.prod(self.run.step_model.latent_shape)
        return PREVIEW_STEPS * branches * whole / 3

    @property
    def preview_count(self) -> int:
        """The number of images of a preview: fewer than PREVIEW_COUNT if these would take more than PREVIEW_SHARE of
        the planned images."""
        if self.run.minutes is None:
            return PREVIEW_COUNT
        return min(max(int(PREVIEW_SHARE * self.run.images / self._sampling_cost), 1), PREVIEW_COUNT)

    def validate(self, state: TrainState, indices: np.ndarray) -> Validation:
        return validate(state.average, self.run, self.dataset, indices, self.device, latents=self.latents)

    def guard(self, state: TrainState, validation: Validation) -> str | None:
        return None

    def preview(self, state: TrainState) -> Image:
        images = sample_images(self.run, state, self.dataset, self.split, self.preview_count, PREVIEW_SEED)
        return previews.preview_image(self.run, self.dataset, self.split, images)

    def model(self, state: TrainState, *, final: bool = False) -> tuple[ModelConfig, Mapping[str, Tensor]]:
        return self.run.model, named(state.average, state.codec)


def optimise(state: TrainState, run: Run, gradient: Gradient, batch: Batch, rate: float) -> dict[str, Tensor]:
    """Make one step (forward, backward, clip, update); return the loss and the norm of the gradient, each ().

    Nothing is updated if the norm is not finite.
    """
    state.optimiser.zero_grad(set_to_none=True)
    loss = gradient(batch)
    parameters = [p for p in state.backbone.parameters() if p.grad is not None]
    norm = torch.nn.utils.clip_grad_norm_(parameters, run.optimiser.clip_norm, foreach=True)
    if torch.isfinite(norm):
        for group in state.optimiser.param_groups:
            group["lr"] = rate
        state.optimiser.step()
    return {"loss": loss, "grad_norm": norm}


def sample_images(run: Run, state: TrainState, dataset: Dataset, split: Split, count: int, seed: int) -> Tensor:
    """Sample `count` images with the EMA weights, (count, C, H, W) at rest, conditioned on values of the data
    (previews.py).

    The sampler is DPM-Solver++ 2M with the evaluations of the model's sampler, but at most PREVIEW_STEPS.
    """
    sampling = run.model.sampling
    steps = min(PREVIEW_STEPS, sampling.sampler.evaluations(sampling.steps))
    model = Model(run.model, state.average, codec=state.codec)
    settings = model.settings(sampler=DPMpp2M(), grid=UniformTime(), steps=steps)
    last = model.job_under(conditions(run, dataset, split, count), settings, range(count), seed=seed).final()
    # a training that diverged is rolled back, and its preview must not end it with an error
    return model.images(torch.nan_to_num(last.x, 0, 0, 0))
