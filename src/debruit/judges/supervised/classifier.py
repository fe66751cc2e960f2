"""A small classifier of the user's labels.

Images of more than 32 pixels are reduced to that. A tenth of the data is held out of its training and measures its
accuracy.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from debruit import events
from debruit.data.dataset import Dataset
from debruit.data.transforms import flip
from debruit.errors import InputError
from debruit.images.spec import DataSpec
from debruit.judges.features.colours import ColourHistogram
from debruit.judges.features.map_statistics import map_statistics
from debruit.judges.features.network import digest
from debruit.judges.supervised import fitting
from debruit.judges.supervised.classifier_network import DIMENSIONS, classifier_network
from debruit.judges.supervised.fitting import Batch, Fitted
from debruit.judges.supervised.maps_classifier import MapsClassifier, maps_classifier, suits
from debruit.judges.supervised.scaling import Scaling, input_shape
from debruit.metrics.interval import proportion
from debruit.networks.layers import channels_last
from debruit.networks.shapes import shapes_alone
from debruit.rng import Purpose, stream

SIDE, SMOOTHING, DROPOUT = 32, 0.05, 0.3
ROWS = 256  # images in the network at a time


@dataclass(frozen=True)
class ClassifierTask:
    """Smoothed labels, random shifts, and flips if the data allows them."""

    kind: ClassVar[str] = "classifier"
    side: ClassVar[int] = SIDE
    batch: ClassVar[int] = 128
    passes: ClassVar[int] = 30
    most: ClassVar[int] = 60_000
    most_held_out: ClassVar[int] = 5_000
    images: int = 100_000

    def build(self, shape: tuple[int, int, int], spec: DataSpec) -> nn.Module:
        return classifier_network(shape, len(spec.class_names))

    def targets(self, dataset: Dataset, indices: np.ndarray, size: tuple[int, int]) -> Tensor:
        return torch.from_numpy(checked_labels(dataset, indices)[indices])

    def loss(self, network: nn.Module, x: Tensor, targets: Tensor) -> Tensor:
        assert isinstance(network, nn.ModuleDict)
        features = F.dropout(network["body"](x), DROPOUT)
        return F.cross_entropy(network["head"](features), targets, label_smoothing=SMOOTHING)

    def augmentation(self, spec: DataSpec, size: tuple[int, int], seed: int) -> Callable[[Batch, np.ndarray], Batch]:
        """Mirroring, unless the data holds letters, and a shift of the whole batch by up to a sixteenth."""
        shifts, (height, width) = stream(Purpose.JUDGE_SHIFT, seed), size
        high, wide = height // 16, width // 16

        def augment(batch: Batch, mirrored: np.ndarray) -> Batch:
            images = flip(batch[0], None if spec.lettered else mirrored)
            top, left = (int(shifts.integers(2 * most + 1, ())) for most in (high, wide))
            padded = F.pad(images, (wide, wide, high, high), mode="replicate")
            return padded[:, :, top : top + height, left : left + width], batch[1]

        return augment


class Classifier:
    """An `Extractor` whose features also give `logits`. `accuracy` is the share of `held_out` images, which it was not
    trained on, that it classifies correctly, within [low, high] at 95 %. `names` are the classes."""

    probe_images = 2 * ROWS

    def __init__(self, spec: DataSpec, fitted: Fitted, *, hits: int, held_out: int) -> None:
        shape = input_shape(spec, SIDE)
        self.label, self.names, self.dimensions = f"Classifier({spec.name})", spec.class_names, DIMENSIONS
        self.scale = Scaling(*shape, fitted.mean, fitted.deviation)
        self.fingerprint = digest(fitted.weights, self.scale, fitting.VERSION)
        self.held_out, self.accuracy = held_out, hits / held_out
        self.low, self.high = proportion(hits, held_out)
        with shapes_alone():  # no numbers from torch's global generator, which a training may be using
            network = classifier_network(shape, len(spec.class_names))
        network.load_state_dict(dict(fitted.weights), assign=True)
        self.body, self.head = network["body"], network["head"]
        channels_last(self.body)
        self.body.eval()

    def __call__(self, images: Tensor, spec: DataSpec) -> np.ndarray:
        features = np.empty((len(images), DIMENSIONS), np.float32)
        with torch.inference_mode():
            for start in range(0, len(images), ROWS):
                x = self.scale(images[start : start + ROWS], spec).contiguous(memory_format=torch.channels_last)
                features[start : start + len(x)] = self.body(x).numpy()
        return features

    def logits(self, features: np.ndarray) -> np.ndarray:
        """(N, K) float32 from this classifier's features (N, 128)."""
        with torch.inference_mode():
            return self.head(torch.from_numpy(np.array(features, np.float32))).numpy()


def classifier(
    dataset: Dataset,
    indices: np.ndarray | None = None,
    *,
    seed: int = 0,
    task: ClassifierTask | None = None,
    group: str = "",
    device: str = "auto",
) -> Classifier | MapsClassifier:
    """The classifier of these images (None: all) by their labels, trained, or read from the cache: of many colour
    images on EfficientNet's maps and colours (maps_classifier.py), unless a `task` is given; of others on the pixels.

    `group` says which images belong together (data/groups.py), so that no group is both in the training and in the
    measurement. InputError: data without labels, of one class only, or with fewer than two images per class.
    """
    indices = np.arange(len(dataset)) if indices is None else indices
    labels = checked_labels(dataset, indices)

    chance = float(np.bincount(labels[indices]).max() / len(indices))
    if task is None and suits(dataset.spec, len(indices)):
        learned = maps_classifier(
            dataset, indices, (map_statistics(device=device), ColourHistogram()), seed=seed, group=group
        )
        events.say(_verdict(learned, chance=chance))
        return learned

    def hits(fitted: Fitted, held_out: np.ndarray) -> int:
        return count_hits(Classifier(dataset.spec, fitted, hits=0, held_out=len(held_out)), dataset, held_out)

    trained = fitting.train(task or ClassifierTask(), dataset, indices, hits, seed=seed, group=group)
    made = Classifier(dataset.spec, trained.fitted, hits=int(trained.measured), held_out=trained.held_out)
    events.say(_verdict(made, chance=chance))
    return made


def checked_labels(dataset: Dataset, indices: np.ndarray) -> np.ndarray:
    """The labels of the data. InputError unless these images can train a classifier."""
    spec = dataset.spec
    if dataset.labels is None:
        raise InputError(
            f"{spec.name} has no labels, and the classifier learns from them: sort the images into one subfolder per "
            "class, or use the features efficientnet"
        )
    classes = len(np.unique(dataset.labels[indices]))
    if classes < 2:
        raise InputError(
            f"{spec.name} has one class only, which a classifier cannot learn from: use the features efficientnet"
        )
    if len(indices) < 2 * classes:
        raise InputError(
            f"{spec.name} has {len(indices)} images in {classes} classes: a classifier needs at least two per class, "
            "better fifty"
        )
    return dataset.labels


def count_hits(network: Classifier, dataset: Dataset, indices: np.ndarray) -> int:
    """The number of these images that are classified correctly."""
    assert dataset.labels is not None
    parts = np.array_split(indices, math.ceil(len(indices) / ROWS))
    guesses = [network.logits(network(dataset.batch(part)["image"], dataset.spec)).argmax(axis=1) for part in parts]
    return int((np.concatenate(guesses) == dataset.labels[indices]).sum())


def _verdict(network: Classifier | MapsClassifier, *, chance: float) -> str:
    return (
        f"{network.label} classifies {network.accuracy:.1%} of {network.held_out:,} held-out images correctly "
        f"({network.low:.1%} to {network.high:.1%}; the largest class is {chance:.1%} of the data)"
        + ("" if network.low > chance else ": hardly better than guessing, so scores by it mean little")
    )
