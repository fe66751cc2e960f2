"""A classifier on statistics of EfficientNet's maps (judges/features/map_statistics.py) and on colours (colours.py).

For labels that name a style, which a network of 32 pixels hardly sees: it is that of colour images with enough of them.

Standardised statistics (N, D) -> hidden layer -> features (N, 256) -> logits. Only this head is trained.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from debruit.data.dataset import Dataset
from debruit.data.order import Order
from debruit.data.subset import random_subset
from debruit.images.spec import DataSpec
from debruit.judges.extractor import Extractor
from debruit.judges.feature_cache import reference_features
from debruit.judges.features.network import digest
from debruit.judges.supervised import fitting
from debruit.judges.supervised.fitting import Fitted
from debruit.metrics.interval import proportion
from debruit.networks.pretrained.efficientnet import installed
from debruit.networks.shapes import shapes_alone
from debruit.rng import Purpose, torch_generator

LEAST = 2_000  # images from which on statistics of maps beat a small network trained on the pixels
HIDDEN, DIMENSIONS = 512, 256
DROPPED, DROPOUT, SMOOTHING = 0.1, 0.3, 0.05  # of the statistics, of the layers, of the labels
LEAST_DEVIATION = 0.01  # below it, a statistic hardly varies


Extractors = tuple[Extractor, ...]


def suits(spec: DataSpec, count: int) -> bool:
    """Whether this is the classifier of so many images: in colour, at least LEAST, and EfficientNet is installed."""
    return spec.channels >= 3 and spec.frames == 1 and count >= LEAST and installed()


@dataclass(frozen=True)
class MapsTask:
    """The length of the training."""

    kind: ClassVar[str] = "maps-classifier"
    batch: ClassVar[int] = 256
    most: ClassVar[int] = 60_000
    most_held_out: ClassVar[int] = 5_000
    passes: ClassVar[int] = 12
    images: int = 600_000


class Head(nn.Module):
    """Statistics (N, D) -> features (N, 256) -> logits (N, K); `mean` and `deviation` (D,) standardise them."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, dimensions: int, classes: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(dimensions))
        self.register_buffer("deviation", torch.ones(dimensions))
        wide = [dimensions, HIDDEN, DIMENSIONS]
        layers = [_layer(a, b) for a, b in pairwise(wide)]
        self.layers = nn.Sequential(nn.Dropout(DROPPED), *layers)
        self.last = nn.Linear(DIMENSIONS, classes)

    def features(self, x: Tensor) -> Tensor:
        return self.layers((x - self.mean) / self.deviation)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.features(x))


def _layer(inside: int, outside: int) -> nn.Module:
    return nn.Sequential(nn.Linear(inside, outside), nn.LayerNorm(outside), nn.GELU(), nn.Dropout(DROPOUT))


class MapsClassifier:
    """An `Extractor` whose features also give `logits`, with the attributes of `Classifier`."""

    def __init__(self, spec: DataSpec, extractors: Extractors, fitted: Fitted, *, hits: int, held_out: int) -> None:
        self.label, self.names, self.dimensions = f"Classifier({spec.name})", spec.class_names, DIMENSIONS
        self.extractors = extractors
        self.probe_images = max(getattr(extractor, "probe_images", 0) for extractor in extractors)
        self.fingerprint = digest(fitted.weights, [e.fingerprint for e in extractors], fitting.VERSION)
        self.held_out, self.accuracy = held_out, hits / held_out
        self.low, self.high = proportion(hits, held_out)
        with shapes_alone():  # no numbers from torch's global generator, which a training may be using
            self.head = Head(sum(e.dimensions for e in extractors), len(spec.class_names))
        self.head.load_state_dict(dict(fitted.weights), assign=True)
        self.head.eval()

    def __call__(self, images: Tensor, spec: DataSpec) -> np.ndarray:
        return self.features(np.concatenate([e(images, spec) for e in self.extractors], axis=1))

    def features(self, statistics: np.ndarray) -> np.ndarray:
        """(N, 256) float32 from the statistics (N, D)."""
        with torch.inference_mode():
            return self.head.features(torch.from_numpy(np.array(statistics, np.float32))).numpy()

    def logits(self, features: np.ndarray) -> np.ndarray:
        """(N, K) float32 from this classifier's features (N, 256)."""
        with torch.inference_mode():
            return self.head.last(torch.from_numpy(np.array(features, np.float32))).numpy()

    def count_hits(self, dataset: Dataset, indices: np.ndarray) -> int:
        """The number of these images that are classified correctly; their statistics are cached."""
        assert dataset.labels is not None
        statistics = statistics_of(dataset, indices, self.extractors)
        guesses = self.logits(self.features(statistics)).argmax(axis=1)
        return int((guesses == dataset.labels[indices]).sum())


def maps_classifier(
    dataset: Dataset,
    indices: np.ndarray,
    extractors: Extractors,
    *,
    seed: int = 0,
    task: MapsTask | None = None,
    group: str = "",
) -> MapsClassifier:
    """The classifier of these labelled images, trained, or read from the cache; `group` as of `classifier`."""
    task = task or MapsTask()

    def fit(training: np.ndarray) -> Fitted:
        return fit_head(task, dataset, training, extractors, seed=seed)

    def hits(fitted: Fitted, held_out: np.ndarray) -> int:
        made = MapsClassifier(dataset.spec, extractors, fitted, hits=0, held_out=len(held_out))
        return made.count_hits(dataset, held_out)

    trained = fitting.trained(
        task, dataset, indices, fit, hits, seed=seed, group=group, networks=tuple(e.fingerprint for e in extractors)
    )
    return MapsClassifier(
        dataset.spec, extractors, trained.fitted, hits=int(trained.measured), held_out=trained.held_out
    )


def statistics_of(dataset: Dataset, indices: np.ndarray, extractors: Extractors) -> np.ndarray:
    """The statistics (N, D) of these images, from the cache where they are known."""
    return np.concatenate([reference_features(dataset, indices, extractor) for extractor in extractors], axis=1)


def fit_head(task: MapsTask, dataset: Dataset, indices: np.ndarray, extractors: Extractors, *, seed: int) -> Fitted:
    """Train the head on these images, whose statistics are cached. torch's global generator is left unchanged."""
    assert dataset.labels is not None
    chosen = random_subset(indices, Purpose.JUDGE_DATA, seed, task.most)
    x = torch.from_numpy(statistics_of(dataset, chosen, extractors))
    targets = torch.from_numpy(dataset.labels[chosen])
    steps = max(min(task.images, task.passes * len(chosen)) // task.batch, 1)
    order = Order(np.arange(len(chosen)), seed, purpose=Purpose.JUDGE_ORDER)
    rows = (torch.from_numpy(order.take(step * task.batch, task.batch)[0]) for step in range(steps))
    with torch_generator(Purpose.JUDGE_WEIGHTS, seed):  # for the initialisation and the dropout
        head = Head(x.shape[1], len(dataset.spec.class_names))
        head.mean.copy_(x.mean(dim=0))
        head.deviation.copy_(x.std(dim=0) + LEAST_DEVIATION)
        loss = lambda x, y: F.cross_entropy(head(x), y, label_smoothing=SMOOTHING)  # noqa: E731
        fitting.optimise(head, loss, ((x[chosen], targets[chosen]) for chosen in rows), steps, kind=task.kind)
        return Fitted({name: w.detach().contiguous() for name, w in head.state_dict().items()}, 0.0, 1.0)
