"""The training of an autoencoder as a task."""

from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from typing import ClassVar

import numpy as np
import torch
from PIL.Image import Image
from torch import Tensor

from debruit.autoencoders.autoencoder import measured
from debruit.autoencoders.fidelity import psnr, ssim
from debruit.autoencoders.vq import VQModule
from debruit.data.dataset import Dataset
from debruit.data.order import Order
from debruit.data.split import Split
from debruit.images import figures
from debruit.models.config import FirstStageConfig
from debruit.networks.shapes import shapes_alone
from debruit.training import discriminator_guard
from debruit.training.config import AutoencoderRun
from debruit.training.loop import Report, Step, train
from debruit.training.tasks.autoencoder_state import NEVER, AutoencoderState
from debruit.training.tasks.autoencoder_step import AutoencoderBatch, make_batch, sharing, step
from debruit.training.time_budget import FINISHING, ByImages, Length, now
from debruit.training.validation import Validation

PREVIEW_IMAGES = 16
# number of training images for the scale of the latents, during the training and at its end
MEASURED_IMAGES, MOST_MEASURED = 512, 16_384
ACTIVE = 0.01  # a unit is active if the variance of its mean over the images exceeds this (Burda et al. 2016)


class Autoencoding:
    """The training of an autoencoder; see Task."""

    guards: ClassVar[bool] = True

    def __init__(self, run: AutoencoderRun, dataset: Dataset, device: torch.device, split: Split) -> None:
        self.run, self.dataset, self.device = run, dataset, device
        self.pool, self.held_out = split.train, split.validation

    def start(self) -> AutoencoderState:
        return AutoencoderState.start(self.run, self.device)

    def train(self, state: AutoencoderState, pool: np.ndarray, length: Length | None = None) -> Iterator[Report]:
        return train(self, state, pool, length or ByImages())

    def batch(self, order: Order, first: int, attempt: int) -> AutoencoderBatch:
        return make_batch(self.run, self.dataset, order, first, attempt)

    @contextmanager
    def stepping(self, state: AutoencoderState) -> Generator[Step]:
        with sharing(state, self.run, self.device) as shares:
            yield lambda batch, rate: step(state, self.run, batch.to(self.device), rate, shares)

    def as_planned(self, state: AutoencoderState) -> bool:
        return state.entered == NEVER

    def overheads(self, held_out: int) -> dict[str, float]:
        """A forward pass costs a third of a training step, and the encoder half of that."""
        measured = min(len(self.pool), MOST_MEASURED) - min(len(self.pool), MEASURED_IMAGES)
        return {"validate": 2 * held_out / 3, "preview": PREVIEW_IMAGES / 3, "finish": measured / 6}

    @torch.no_grad()
    def validate(self, state: AutoencoderState, indices: np.ndarray) -> Validation:
        """Return the score of the averaged weights (discriminator_guard.py), its terms, and latent statistics."""
        sums: dict[str, float] = {}
        means, spreads = [], []
        module = state.average
        for part in self._parts(indices):
            images = self._images(part)
            raw = module.moments(images)
            decoded = module(images, None).images
            terms = state.criterion.image_terms(images, decoded)
            score = self._score(terms, images, decoded)
            unit = [(x.clamp(-1, 1) + 1) / 2 for x in (images, decoded)]
            scores = terms | {
                "loss": score,
                "psnr": psnr(*unit, value_range=1).clamp(max=100.0),
                "ssim": ssim(*unit, value_range=1),
            }
            for name, values in scores.items():
                sums[name] = sums.get(name, 0.0) + float(values.double().sum())
            means.append(raw.mean.double().cpu())
            spreads.append(torch.zeros(()) if raw.std is None else raw.std.double().square().mean().cpu())
        parts = {name: total / len(indices) for name, total in sums.items()}
        return Validation(parts.pop("loss"), parts | _health(module, torch.cat(means), torch.stack(spreads)))

    def guard(self, state: AutoencoderState, validation: Validation) -> str | None:
        return discriminator_guard.judge(state, self.run, validation.loss, self.device)

    @torch.no_grad()
    def preview(self, state: AutoencoderState) -> Image:
        """Return held-out images (or training images if none are held out), each above its reconstruction."""
        indices = (self.held_out if len(self.held_out) else self.pool)[:PREVIEW_IMAGES]
        images = self.dataset.images_of(indices)
        decoded = self.run.data.from_model(state.average(self._images(indices), None).images.float().cpu())
        both = torch.stack([images, decoded], dim=1).flatten(0, 1)
        return figures.grid(figures.displayable(both, self.run.data), columns=8)

    def model(self, state: AutoencoderState, *, final: bool = False) -> tuple[FirstStageConfig, Mapping[str, Tensor]]:
        """Return the best weights, or the averaged ones before the first validation, with shift and scale of their
        latents.

        At the end of a training these are measured on many images; in a training of minutes, on as many as FINISHING of
        the minutes allows.
        """
        with shapes_alone():
            module = self.run.model.codec.build(self.run.data.channels)
        module.load_state_dict(state.best or state.average.state_dict(), assign=True)
        most = MOST_MEASURED if final else MEASURED_IMAGES
        chosen = self.pool[:: -(-len(self.pool) // most)]
        limited = final and self.run.minutes is not None
        batches = (self._images(part) for part in self._parts(_spread(chosen) if limited else chosen))
        if limited:
            batches = _within(FINISHING * 60 * self.run.minutes, MEASURED_IMAGES, batches)
        codec = measured(self.run.model.codec, module.eval(), batches)
        return FirstStageConfig(data=self.run.data, codec=codec), module.state_dict()

    def _score(self, terms: Mapping[str, Tensor], images: Tensor, decoded: Tensor) -> Tensor:
        """Return the weighted sum of the mean absolute error and the perceptual distance, (B,).

        It is not the loss, whose learned scale, if any, changes and can make it negative.
        """
        error = (images - decoded).abs().flatten(1).mean(dim=1)
        score = self.run.criterion.reconstruction.weight * error
        perceptual = self.run.criterion.perceptual
        return score + perceptual.weight * terms["perceptual"] if perceptual and "perceptual" in terms else score

    def _images(self, indices: np.ndarray) -> Tensor:
        return self.run.data.to_model(self.dataset.images_of(indices)).to(self.device)

    def _parts(self, indices: np.ndarray) -> list[np.ndarray]:
        return [indices[start : start + self.run.batch] for start in range(0, len(indices), self.run.batch)]


def _spread(indices: np.ndarray, stride: int = 64) -> np.ndarray:
    """Reorder indices so that the first ones are spread over all images, since a measurement that runs out of time sees
    only those."""
    return np.concatenate([indices[first::stride] for first in range(min(stride, len(indices)))])


def _within(seconds: float, least: int, batches: Iterator[Tensor]) -> Iterator[Tensor]:
    """Yield the batches of the first `least` images, then those that begin within so many seconds."""
    began, images = now(), 0
    for batch in batches:
        if images >= least and now() - began > seconds:
            return
        images += len(batch)
        yield batch


def _health(module: torch.nn.Module, means: Tensor, noise: Tensor) -> dict[str, float]:
    """Return statistics of the latents.

    Mean and standard deviation of the raw latents (N, c, h, w); the share of active units of a Gaussian bottleneck, or
    the perplexity and the dead codes of a codebook.
    """
    statistics = {"latent_mean": float(means.mean()), "latent_std": float((means.var() + noise.mean()).sqrt())}
    bottleneck = module.bottleneck
    if isinstance(bottleneck, VQModule):
        return statistics | {"perplexity": bottleneck.perplexity, "dead_codes": float(bottleneck.dead.sum())}
    active = float((means.var(dim=0) > ACTIVE).double().mean()) if len(means) > 1 else 1.0
    return statistics | {"active_units": active}
