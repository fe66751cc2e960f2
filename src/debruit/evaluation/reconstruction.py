"""Images through an autoencoder, by the mean of their latents: what comes out beside what went in, as a side.

x -> E -> mean of q(z|x) -> D -> x^ at rest -> features, classes, and the perceptual distance of x^ to x
"""

from collections.abc import Generator
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from debruit.data.dataset import Dataset
from debruit.evaluation import sampling_stage
from debruit.evaluation.image_set import ImageSet, nothing
from debruit.evaluation.loaded import LoadedAutoencoder, LoadedModel
from debruit.evaluation.part_store import Parts
from debruit.evaluation.progress import Pace, Progress
from debruit.images.spec import DataSpec

MOST, PIXELS = 64, 2**20  # images, and pixels of them, that go through at a time; a part on the disk


def passed(
    subject: LoadedModel | LoadedAutoencoder, dataset: Dataset, indices: np.ndarray, originals: ImageSet, networks: Any, parts: Parts,
    pace: Pace, *, classify: bool = False,
) -> Generator[Progress, None, ImageSet]:  # fmt: skip
    """The side of what becomes of the images of these indices, whose own side is `originals`; `networks` (judge.Networks) look at it."""
    spec, count = dataset.spec, len(indices)
    decoded = yield from pace.follow("decoded images", count, _decoded(subject, dataset, indices, parts))
    features, logits, distances = nothing(), nothing(), np.empty(0)
    if networks.features is not None:
        work = sampling_stage.extract(decoded, spec, networks.features, parts)
        features = yield from pace.follow("features of decoded images", count, work)
    if networks.classifier is not None and classify:
        work = sampling_stage.classify({"decoded": decoded}, spec, networks.classifier)
        logits = (yield from pace.follow("classes of decoded images", count, work))["decoded"]
    if networks.eyes is not None:
        work = _distances(subject, originals.images, decoded, networks.eyes, parts)
        distances = yield from pace.follow("perceptual distances", count, work)
    label = lambda network: "" if network is None else network.label  # noqa: E731
    return ImageSet(
        images=decoded, spec=spec, labels=originals.labels, features=features, network=label(networks.features), logits=logits,
        classifier=label(networks.classifier), classes=originals.classes, fresh=originals.fresh,
        originals=originals, distances=distances, eyes=label(networks.eyes),
    )  # fmt: skip


def at_a_time(spec: DataSpec) -> int:
    """How many images of this size an autoencoder gets at a time."""
    return min(MOST, max(1, PIXELS // (spec.height * spec.width)))


def _decoded(
    subject: LoadedModel | LoadedAutoencoder, dataset: Dataset, indices: np.ndarray, parts: Parts
) -> Generator[float, None, Tensor]:
    done, batch = [], at_a_time(dataset.spec)
    for start in range(0, len(indices), batch):
        part = indices[start : start + batch]
        key = [subject.digest, subject.device.type, dataset.spec.fingerprint, part.tolist()]
        done.append(parts.kept("decoded", key, lambda: reconstructed(subject, dataset.images_of(part)).numpy()))  # noqa: B023
        yield start + len(part)
    return torch.from_numpy(np.concatenate(done))


@torch.no_grad()
def reconstructed(subject: LoadedModel | LoadedAutoencoder, images: Tensor) -> Tensor:
    """D(E(x)) of images at rest, (B, C, H, W), on the CPU."""
    x = subject.data.to_model(images).to(subject.device)
    z = subject.codec.encode(x).mean
    return subject.data.from_model(subject.codec.decode(z, (images.shape[2], images.shape[3])).float().cpu())


def _distances(
    subject: LoadedModel | LoadedAutoencoder, images: Tensor, decoded: Tensor, eyes: Any, parts: Parts
) -> Generator[float, None, np.ndarray]:
    """(N,) float32."""
    shown = replace(subject.data, channels=images.shape[1], height=images.shape[2], width=images.shape[3])
    done, batch = [], at_a_time(shown)
    for start in range(0, len(images), batch):
        a, b = (x[start : start + batch] for x in (images, decoded))
        key = [eyes.label, sampling_stage.images_key(a), sampling_stage.images_key(b)]
        done.append(parts.kept("distances", key, lambda: _distance(subject, a, b, eyes)))  # noqa: B023
        yield start + len(a)
    return np.concatenate(done)


@torch.no_grad()
def _distance(subject: LoadedModel | LoadedAutoencoder, a: Tensor, b: Tensor, eyes: Any) -> np.ndarray:
    x, y = (subject.data.to_model(part).to(subject.device) for part in (a, b))
    return eyes(x, y).float().cpu().numpy()
