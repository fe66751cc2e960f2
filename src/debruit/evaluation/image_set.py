"""Sets of images that are compared, with the outputs of the networks that evaluate them."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np
import torch
from torch import Tensor

from debruit.images.spec import DataSpec
from debruit.metrics.retrieval import Candidates

SAMPLES = "samples"
REAL_BASELINE = "real_baseline"  # real images, as many as samples, scored like them
REFERENCE = "reference"  # real images that samples and baseline are compared with
TRAINING, HELD_OUT = "training", "held_out"  # all of the model's data, for memorisation
HELDOUT_RECONSTRUCTION = "heldout_reconstruction"  # images that were not trained on, encoded and decoded
TRAIN_RECONSTRUCTION = "train_reconstruction"  # training images, encoded and decoded
RECONSTRUCTED_BASELINE = "reconstructed_baseline"  # scores of reconstructions in place of the samples


def empty() -> np.ndarray:
    """Outputs of a network that was not run, (0, 0)."""
    return np.empty((0, 0), np.float32)


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """Requested conditions and what a network predicts from the images.

    `requested` and `predicted` are of one kind: masks (N, H, W), embeddings (N, D) of captions and images, or hues
    (N,). `network` is the label of the network, `names` are the class names of masks or hues. `scored` (N,) bool marks
    the images whose condition neither the model nor the network was trained on. Of captions, `things` and `classes`
    (N,) are the numbers of what the images show and of their classes, and `candidates` other captions to compare with.
    """

    requested: np.ndarray
    predicted: np.ndarray
    scored: np.ndarray
    network: str
    names: tuple[str, ...] = ()
    things: np.ndarray | None = None
    classes: np.ndarray | None = None
    candidates: Candidates | None = None

    def take(self, indices: np.ndarray) -> Self:
        """The rows of these indices, which may repeat."""
        return replace(
            self,
            requested=self.requested[indices],
            predicted=self.predicted[indices],
            scored=self.scored[indices],
            things=None if self.things is None else self.things[indices],
            classes=None if self.classes is None else self.classes[indices],
        )

    @property
    def of_scored(self) -> Self:
        """The rows of the scored images."""
        return self.take(np.flatnonzero(self.scored))


@dataclass(frozen=True, kw_only=True)
class ImageSet:
    """N images at rest (N, C, H, W) and the outputs of networks for them. Arrays of networks that were not run have no
    rows.

    labels: (N,) class indices, requested (samples) or true (real images)
    features, network: (N, D) of the feature network with this label
    logits, classifier, classes: (N, K) of the classifier with this label and these class names
    unseen: (N,) bool, images that the classifier may be applied to, since neither they nor their condition were in its
    training; None means all
    originals: the images that these were made from, in the same order: inputs of an autoencoder, or targets of upscaled
    samples
    distances, perceptual: (N,) perceptual distance of each image to its original, and the label of that network
    masks, captions, hues: requested conditions with the predictions of the segmenter, of the caption scorer, and of the
    palette, of which those are scored whose caption names a hue
    without_mask: samples of the same noise and conditions, without the mask
    """

    images: Tensor
    spec: DataSpec
    labels: np.ndarray | None = None
    features: np.ndarray = field(default_factory=empty)
    network: str = ""
    logits: np.ndarray = field(default_factory=empty)
    classifier: str = ""
    classes: tuple[str, ...] = ()
    unseen: np.ndarray | None = None
    originals: "ImageSet | None" = None
    distances: np.ndarray = field(default_factory=lambda: np.empty(0))
    perceptual: str = ""
    masks: Agreement | None = None
    captions: Agreement | None = None
    hues: Agreement | None = None
    without_mask: "ImageSet | None" = None

    def __len__(self) -> int:
        return len(self.images)

    @property
    def targets(self) -> np.ndarray | None:
        """The labels as class indices of the classifier, (N,); -1 for classes that it does not have."""
        if self.labels is None:
            return None
        known = [self.classes.index(name) if name in self.classes else -1 for name in self.spec.class_names]
        return np.asarray(known, dtype=np.int64)[self.labels]

    @property
    def classifiable(self) -> np.ndarray:
        """Indices of the images that the classifier may be applied to: unseen ones, whose class (if labelled) it
        knows."""
        unseen = np.ones(len(self), bool) if self.unseen is None else self.unseen
        targets = self.targets
        return np.flatnonzero(unseen if targets is None else unseen & (targets >= 0))

    def take(self, indices: np.ndarray) -> "ImageSet":
        """The images of these indices, which may repeat."""
        rows: Callable[[np.ndarray], np.ndarray] = lambda x: x[indices] if len(x) else x  # noqa: E731
        without_mask = self.without_mask
        return replace(
            self,
            images=self.images[torch.from_numpy(indices)],
            labels=None if self.labels is None else self.labels[indices],
            features=rows(self.features),
            logits=rows(self.logits),
            unseen=None if self.unseen is None else self.unseen[indices],
            originals=None if self.originals is None else self.originals.take(indices),
            distances=rows(self.distances),
            masks=None if self.masks is None else self.masks.take(indices),
            captions=None if self.captions is None else self.captions.take(indices),
            hues=None if self.hues is None else self.hues.take(indices),
            without_mask=None if without_mask is None else without_mask.take(indices[indices < len(without_mask)]),
        )
