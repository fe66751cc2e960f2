"""The long stages of an evaluation, as generators of the units done that return what they made. Each keeps its finished parts, and takes
from the disk what was finished before: the result is the same, interrupted or not."""

import hashlib
import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from debruit.conditioning.batch import ConditionBatch
from debruit.config import encode
from debruit.data.dataset import Dataset
from debruit.evaluation.loaded import LoadedModel
from debruit.evaluation.part_store import Parts
from debruit.evaluation.wanted import Wanted, digest
from debruit.files.keys import make_key
from debruit.images.spec import DataSpec
from debruit.judges.features.extractor import Extractor
from debruit.models.diffusion import Model
from debruit.sampling.config import SamplingConfig
from debruit.sampling.euler import Euler
from debruit.sampling.grids import UniformTime

FEATURE_IMAGES = 250  # a part of the features: seconds of work
PROBE_IMAGES = 8
PROBE_SECONDS = 4.0  # a whole batch is probed where it takes no longer
SLOW_SECONDS = 0.1  # an image a step: then fewer are probed


def sample(
    subject: LoadedModel, parts: Parts, count: int, *, wanted: Wanted, seed: int, batch: int, settings: SamplingConfig | None = None
) -> Generator[float, None, Tensor]:  # fmt: skip
    """Images 0..count - 1 of this seed, (count, C, H, W) at rest, in parts of `batch`, each under what is wanted of it."""
    model, done = subject.model, []
    settings = settings or model.settings()
    for start in range(0, count, batch):
        size = min(batch, count - start)
        asked = wanted.asked(model, start, size)
        key = sample_key(subject, settings, seed, start, size, asked=None if wanted.fields is None else asked)
        found = parts.find("samples", key)
        if found is None:
            found = parts.keep("samples", key, (yield from _drawn(model, settings, seed, start, asked, size)))
        done.append(found)
        yield start + size
    return torch.from_numpy(np.concatenate(done))


def sample_key(
    subject: LoadedModel, settings: SamplingConfig, seed: int, start: int, size: int, *, asked: ConditionBatch | None
) -> list:
    """Everything that determines a batch of samples to the last bit (but for the machine); `asked` is None where nothing but the classes in turn is."""
    key = [subject.digest, encode(settings), seed, start, size, subject.model.device.type]
    return key if asked is None else [*key, digest(asked)]


def extract(images: Tensor, spec: DataSpec, extractor: Extractor, parts: Parts) -> Generator[float, None, np.ndarray]:
    """Features of images, (N, D), in parts. A part is found again by the images themselves, so that more samples go on from fewer, and
    images that differ in one bit (the last batch of fewer is smaller) are others."""
    done = []
    for start in range(0, len(images), FEATURE_IMAGES):
        part = images[start : start + FEATURE_IMAGES]
        key = [extractor.fingerprint, encode(spec), images_key(part)]
        done.append(parts.kept("features", key, lambda: extractor(part, spec)))  # noqa: B023
        yield start + len(part)
    return np.concatenate(done)


def images_key(images: Tensor) -> str:
    """A digest of images: their dtype, shape and bytes."""
    array = np.ascontiguousarray(images.numpy())
    return make_key(str(array.dtype), list(array.shape), hashlib.sha256(array.data).hexdigest())


@dataclass(frozen=True)
class Probe:
    """Seconds that an evaluation of the network takes for one image of a batch of samples, and that an image takes beside them (noise, conditions,
    decoding); `few` is the first in a batch of PROBE_IMAGES, where the network is called more often."""

    evaluation: float = 0.0
    image: float = 0.0
    few: float = 0.0

    def units(self, evaluations: int) -> float:
        """What an image costs in all, counted in evaluations."""
        return evaluations + (self.image / self.evaluation if self.evaluation else 0.0)


def probe(model: Model, wanted: Wanted, batch: int) -> Probe:
    """What samples cost, measured on a few: for estimates before the first stage."""
    settings = model.settings(sampler=Euler(), grid=UniformTime(), steps=1, guidance=1.0)

    def spent(images: int, steps: int) -> float:
        asked, start = wanted.asked(model, 0, images), time.perf_counter()
        for _ in _drawn(model, replace(settings, steps=steps), 0, 0, asked, images):
            pass
        return (time.perf_counter() - start) / images

    def measured(images: int, turns: int) -> Probe:
        short, long = (min(spent(images, steps) for _ in range(turns)) for steps in (1, 3))
        one = max((long - short) / 2, long / 10)
        return Probe(evaluation=one, image=max(short - one, 0.0), few=one)

    few = measured(PROBE_IMAGES, 4) if spent(2, 1) < SLOW_SECONDS else measured(2, 1)  # the first warms up as well
    whole = few if 8 * few.evaluation * batch > PROBE_SECONDS or batch <= PROBE_IMAGES else measured(batch, 2)
    return replace(whole, few=few.evaluation)


def missing_share(
    subject: LoadedModel,
    parts: Parts,
    count: int,
    *,
    wanted: Wanted,
    seed: int,
    batch: int,
    settings: SamplingConfig | None = None,
) -> float:
    """The share of these samples that `sample` still has to draw."""
    model, there = subject.model, 0
    settings = settings or model.settings()
    if not parts.any("samples"):
        return 1.0
    for start in range(0, count, batch):
        size = min(batch, count - start)
        asked = None if wanted.fields is None else wanted.asked(model, start, size)
        there += size if parts.has("samples", sample_key(subject, settings, seed, start, size, asked=asked)) else 0
    return 1 - there / count


def evaluations(model: Model, settings: SamplingConfig, wanted: Wanted) -> int:
    """Network evaluations for one image under what is wanted of it, each branch of guidance counted."""
    return model.evaluations(settings, wanted.asked(model, 0, 1))


def _drawn(
    model: Model, settings: SamplingConfig, seed: int, start: int, asked: ConditionBatch, size: int
) -> Generator[float, None, np.ndarray]:
    """One batch, its steps counted as fractions of its images."""
    last = None
    for last in model.drawing_of(asked, settings, range(start, start + size), seed=seed).run():
        yield start + size * last.step / (last.steps + 1)
    assert last is not None
    return model.images(last.x).numpy()


def extract_real(
    dataset: Dataset, indices: np.ndarray, extractor: Extractor, say: Callable[[str], None]
) -> Generator[float, None, np.ndarray]:
    """Features of real images, from the cache where they were computed before."""
    from debruit.judges.features.store import features_of

    return (yield from features_of(dataset, indices, extractor, say))


def classify(
    groups: Mapping[str, Tensor], spec: DataSpec, classifier: Any
) -> Generator[float, None, dict[str, np.ndarray]]:
    """A classifier's logits by group of images, (N, K) each."""
    found, done = {}, 0
    for name, images in groups.items():
        rows = []
        for part in images.split(FEATURE_IMAGES):
            rows.append(classifier.logits(classifier(part, spec)))
            done += len(part)
            yield done
        found[name] = np.concatenate(rows) if rows else np.empty((0, len(spec.class_names)), np.float32)
    return found
