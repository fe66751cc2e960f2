"""Images encoded and decoded by an autoencoder, with the mean of their latents.

x -> encoder -> mean of q(z|x) -> decoder -> x^ at rest -> features, logits, and the perceptual distance of x^ to x
"""

from collections.abc import Generator
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from debruit.data.dataset import Dataset
from debruit.evaluation.extraction import classify, extract, images_key
from debruit.evaluation.image_set import HELDOUT_RECONSTRUCTION, ImageSet, empty
from debruit.evaluation.networks import Networks
from debruit.evaluation.progress import StageTimer
from debruit.evaluation.result_store import ResultStore
from debruit.images.spec import DataSpec
from debruit.models.loaded import LoadedAutoencoder, LoadedModel

MOST, PIXELS = 64, 2**20  # images, and pixels of them, in a batch


@dataclass(frozen=True)
class Reconstruction:
    """Reconstructs image sets with the autoencoder of a model."""

    loaded: LoadedModel | LoadedAutoencoder
    dataset: Dataset
    networks: Networks
    store: ResultStore
    timer: StageTimer

    def image_set(self, indices: np.ndarray, originals: ImageSet, *, logits: bool = False) -> ImageSet:
        """The reconstructions of the images of these indices; `originals` is the set of those images."""
        spec, count, networks, run = self.dataset.spec, len(indices), self.networks, self.timer.run
        images = run("decoded images", count, self._decoded(indices))
        features, distances, scores = empty(), np.empty(0), empty()
        if networks.features is not None:
            work = extract(images, spec, networks.features, self.store)
            features = run("features of decoded images", count, work)
        if networks.classifier is not None and logits:
            work = classify({HELDOUT_RECONSTRUCTION: images}, spec, networks.classifier)
            scores = run("classes of decoded images", count, work)[HELDOUT_RECONSTRUCTION]
        if networks.perceptual is not None:
            distances = run("perceptual distances", count, self._distances(originals.images, images))
        labels = [
            n.label if n is not None else "" for n in (networks.features, networks.classifier, networks.perceptual)
        ]
        return ImageSet(
            images=images,
            spec=spec,
            labels=originals.labels,
            features=features,
            network=labels[0],
            logits=scores,
            classifier=labels[1],
            classes=originals.classes,
            unseen=originals.unseen,
            originals=originals,
            distances=distances,
            perceptual=labels[2],
        )

    def _decoded(self, indices: np.ndarray) -> Generator[float, None, Tensor]:
        done, batch, dataset = [], batch_size(self.dataset.spec), self.dataset
        for start in range(0, len(indices), batch):
            part = indices[start : start + batch]
            key = [self.loaded.digest, self.loaded.device.type, dataset.spec.fingerprint, part.tolist()]
            make = lambda: reconstruct(self.loaded, dataset.images_of(part)).numpy()  # noqa: B023, E731
            done.append(self.store.get_or_make("reconstructions", key, make))
            yield start + len(part)
        return torch.from_numpy(np.concatenate(done))

    def _distances(self, images: Tensor, decoded: Tensor) -> Generator[float, None, np.ndarray]:
        """The perceptual distance of each pair, (N,) float32."""
        shape = replace(self.loaded.data, channels=images.shape[1], height=images.shape[2], width=images.shape[3])
        done, batch, network = [], batch_size(shape), self.networks.perceptual
        for start in range(0, len(images), batch):
            a, b = (x[start : start + batch] for x in (images, decoded))
            key = [network.label, images_key(a), images_key(b)]
            done.append(self.store.get_or_make("distances", key, lambda: self._distance(a, b)))  # noqa: B023
            yield start + len(a)
        return np.concatenate(done)

    @torch.no_grad()
    def _distance(self, a: Tensor, b: Tensor) -> np.ndarray:
        x, y = (self.loaded.data.to_model(part).to(self.loaded.device) for part in (a, b))
        return self.networks.perceptual(x, y).float().cpu().numpy()


def batch_size(spec: DataSpec) -> int:
    """The number of images of this size that an autoencoder gets at a time."""
    return min(MOST, max(1, PIXELS // (spec.height * spec.width)))


@torch.no_grad()
def reconstruct(loaded: LoadedModel | LoadedAutoencoder, images: Tensor) -> Tensor:
    """D(E(x)) of images at rest, (B, C, H, W), on the CPU."""
    x = loaded.data.to_model(images).to(loaded.device)
    z = loaded.codec.encode(x).mean
    return loaded.data.from_model(loaded.codec.decode(z, (images.shape[2], images.shape[3])).float().cpu())
