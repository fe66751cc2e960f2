"""Samples for an evaluation, in batches that are saved, and the estimated cost of sampling.

Samples are the same whether an evaluation was interrupted or not.
"""

import time
from collections.abc import Generator
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from debruit.conditioning.batch import ConditionBatch
from debruit.config import encode
from debruit.evaluation.conditions import SampleConditions, digest
from debruit.evaluation.result_store import ResultStore
from debruit.models.diffusion import Model
from debruit.models.loaded import LoadedModel
from debruit.sampling.config import SamplingConfig
from debruit.sampling.euler import Euler
from debruit.sampling.grids import UniformTime

PROBE_IMAGES = 8
PROBE_SECONDS = 4.0  # a whole batch is probed if it takes no longer
SLOW_SECONDS = 0.1  # per image and step: then fewer are probed


@dataclass(frozen=True, kw_only=True)
class SampleRequest:
    """The samples 0..count - 1 of a seed, in batches. `config` None means the model's sampling configuration."""

    conditions: SampleConditions
    count: int
    seed: int
    batch: int
    config: SamplingConfig | None = None

    def batches(self) -> list[tuple[int, int]]:
        """First sample and number of samples of each batch."""
        return [(start, min(self.batch, self.count - start)) for start in range(0, self.count, self.batch)]

    def batch_key(self, loaded: LoadedModel, start: int, size: int) -> list:
        """Everything that determines a batch of samples, on one machine to the last bit."""
        config = self.config or loaded.model.settings()
        key = [loaded.digest, encode(config), self.seed, start, size, loaded.model.device.type]
        return key if self.conditions.fields is None else [*key, self._digest(loaded, start, size)]

    def key(self, loaded: LoadedModel) -> list:
        """Everything that determines all samples."""
        config = self.config or loaded.model.settings()
        key = [loaded.digest, encode(config), loaded.model.device.type, self.seed, self.batch, self.count]
        return key if self.conditions.fields is None else [*key, self._digest(loaded, 0, self.count)]

    def _digest(self, loaded: LoadedModel, start: int, size: int):
        return digest(self.conditions.batch(loaded.model, start, size))


def sample(loaded: LoadedModel, store: ResultStore, request: SampleRequest) -> Generator[float, None, Tensor]:
    """Yields the samples done; returns them at rest, (count, C, H, W)."""
    model, done = loaded.model, []
    config = request.config or model.settings()
    for start, size in request.batches():
        key = request.batch_key(loaded, start, size)
        images = store.get("samples", key)
        if images is None:
            conditions = request.conditions.batch(model, start, size)
            images = store.put(
                "samples", key, (yield from _batch(model, config, request.seed, start, conditions, size))
            )
        done.append(images)
        yield start + size
    return torch.from_numpy(np.concatenate(done))


def missing_share(loaded: LoadedModel, store: ResultStore, request: SampleRequest) -> float:
    """The share of the samples that are not saved yet."""
    if not store.any("samples"):
        return 1.0
    saved = sum(n for start, n in request.batches() if store.has("samples", request.batch_key(loaded, start, n)))
    return 1 - saved / request.count


def evaluations(model: Model, config: SamplingConfig, conditions: SampleConditions) -> int:
    """Network evaluations per image with these conditions, each branch of guidance counted."""
    return model.evaluations(config, conditions.batch(model, 0, 1))


@dataclass(frozen=True)
class Probe:
    """Seconds per image: of one `evaluation` of the network in a batch, of everything else (`image`: noise, conditions,
    decoding), and of one evaluation in a batch of PROBE_IMAGES (`few`)."""

    evaluation: float = 0.0
    image: float = 0.0
    few: float = 0.0

    def units(self, evaluations: int) -> float:
        """The cost of an image in evaluations."""
        return evaluations + (self.image / self.evaluation if self.evaluation else 0.0)


def probe(model: Model, conditions: SampleConditions, batch: int) -> Probe:
    """Measure the cost of samples on a few."""
    config = model.settings(sampler=Euler(), grid=UniformTime(), steps=1, guidance=1.0)

    def seconds(images: int, steps: int) -> float:
        batch_conditions, start = conditions.batch(model, 0, images), time.perf_counter()
        for _ in _batch(model, replace(config, steps=steps), 0, 0, batch_conditions, images):
            pass
        return (time.perf_counter() - start) / images

    def measure(images: int, repeats: int) -> Probe:
        short, long = (min(seconds(images, steps) for _ in range(repeats)) for steps in (1, 3))
        one = max((long - short) / 2, long / 10)
        return Probe(evaluation=one, image=max(short - one, 0.0), few=one)

    few = measure(PROBE_IMAGES, 4) if seconds(2, 1) < SLOW_SECONDS else measure(2, 1)  # the first warms up as well
    whole = few if 8 * few.evaluation * batch > PROBE_SECONDS or batch <= PROBE_IMAGES else measure(batch, 2)
    return replace(whole, few=few.evaluation)


def _batch(
    model: Model, config: SamplingConfig, seed: int, start: int, conditions: ConditionBatch, size: int
) -> Generator[float, None, np.ndarray]:
    """One batch; its steps are yielded as fractions of its images."""
    last = None
    for last in model.job_under(conditions, config, range(start, start + size), seed=seed).run():
        yield start + size * last.step / (last.steps + 1)
    assert last is not None
    return model.images(last.x).numpy()
