"""A small classifier trained on the user's own labels: it knows the classes that samples were asked for, which no foreign network does.

Images of more than 32 pixels are shrunk to that, so that training takes about a minute on a CPU; the same seed gives the same classifier. A tenth
of the data is held out of its training, to say how far its verdicts can be trusted.
"""

import math
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn

from debruit.data.dataset import Dataset
from debruit.data.split import judging
from debruit.errors import InputError
from debruit.files.keys import make_key, root
from debruit.images.spec import DataSpec
from debruit.judges.features.classifier_network import DIMENSIONS, Body, Preparation, input_shape
from debruit.judges.features.classifier_training import IMAGES, fit
from debruit.judges.features.fitting import Fitted
from debruit.judges.features.network import digest
from debruit.judges.features.stored import Say, kept
from debruit.metrics.interval import proportion
from debruit.networks.layers import channels_last

HELD_OUT, MOST_HELD_OUT = 0.1, 5_000
ROWS = 256  # images in the network at a time
VERSION = 1  # of the training; part of the cache's key


class Classifier:
    """An `Extractor` whose features also give `logits`. `accuracy` is the share of `held_out` images, which it was not trained on, that it
    classified correctly, within [low, high] at 95 %. `names` are the classes."""

    def __init__(self, spec: DataSpec, fitted: Fitted, *, hits: int, held_out: int) -> None:
        channels, height, width = input_shape(spec)
        self.label, self.names, self.dimensions = f"Classifier({spec.name})", spec.class_names, DIMENSIONS
        self.prepare = Preparation(channels, height, width, fitted.mean, fitted.deviation)
        self.fingerprint = digest(fitted.weights, self.prepare, VERSION)
        self.held_out, self.accuracy = held_out, hits / held_out
        self.low, self.high = proportion(hits, held_out)
        with torch.device("meta"):  # nothing is drawn from torch's global generator, which a training may be using
            self.body, self.head = Body(channels, height, width), nn.Linear(DIMENSIONS, len(spec.class_names))
        nn.ModuleDict({"body": self.body, "head": self.head}).load_state_dict(dict(fitted.weights), assign=True)
        channels_last(self.body)
        self.body.eval()

    probe_images = 2 * ROWS

    def __call__(self, images: Tensor, spec: DataSpec) -> np.ndarray:
        found = np.empty((len(images), DIMENSIONS), np.float32)
        with torch.inference_mode():
            for start in range(0, len(images), ROWS):
                x = self.prepare(images[start : start + ROWS], spec)
                found[start : start + len(x)] = self.body(x.contiguous(memory_format=torch.channels_last)).numpy()
        return found

    def logits(self, features: np.ndarray) -> np.ndarray:
        """(N, K) float32 from this classifier's features (N, 128)."""
        with torch.inference_mode():
            return self.head(torch.from_numpy(np.array(features, np.float32))).numpy()


def classifier(
    dataset: Dataset, indices: np.ndarray | None = None, *, seed: int = 0, images: int = IMAGES, say: Say = print,
    group: str = "",
) -> Classifier:  # fmt: skip
    """The classifier of this data by its images `indices` (all where None), a tenth of them held out to measure it, trained on `images` at most in all
    passes together, or from the cache where that was done before.

    `group`: which images belong together (data/groups.py), so that no group is on both sides.

    InputError: data without labels, of one class only, or of fewer images than two a class.
    """
    indices = np.arange(len(dataset)) if indices is None else indices
    labels = _labels(dataset, indices)
    held = min(max(round(HELD_OUT * len(indices)), 1), MOST_HELD_OUT)
    training, held_out = judging(dataset, indices, held, seed, group=group)
    held = len(held_out)

    def make():
        fitted = fit(dataset, labels, training, seed=seed, images=images, say=say)
        found = Classifier(dataset.spec, fitted, hits=0, held_out=held)
        facts = {"mean": fitted.mean, "deviation": fitted.deviation, "hits": _hits(found, dataset, labels, held_out)}
        return {name: weight.numpy() for name, weight in fitted.weights.items()}, facts

    if dataset.spec.fingerprint:
        of_groups = [held_out.tolist()] if group else []
        key = make_key("classifier", VERSION, dataset.spec.fingerprint, indices.tolist(), seed, images, *of_groups)
        arrays, facts = kept(root() / "classifiers" / f"{key}.safetensors", make, say)
    else:
        arrays, facts = make()
    weights: Mapping[str, Tensor] = {name: torch.from_numpy(np.array(array)) for name, array in arrays.items()}
    found = Classifier(
        dataset.spec, Fitted(weights, facts["mean"], facts["deviation"]), hits=facts["hits"], held_out=held
    )
    say(_verdict(found, chance=float(np.bincount(labels[indices]).max() / len(indices))))
    return found


def _labels(dataset: Dataset, indices: np.ndarray) -> np.ndarray:
    spec = dataset.spec
    if dataset.labels is None:
        raise InputError(
            f"{spec.name} has no labels, and the classifier learns from them: sort the images into one subfolder a class, or take the "
            "features efficientnet"
        )
    classes = len(np.unique(dataset.labels[indices]))
    if classes < 2:
        raise InputError(
            f"{spec.name} has one class only, which no classifier can tell from others: take the features efficientnet"
        )
    if len(indices) < 2 * classes:
        raise InputError(
            f"{spec.name} has {len(indices)} images in {classes} classes: a classifier needs at least two a class, better fifty"
        )
    return dataset.labels


def _hits(found: Classifier, dataset: Dataset, labels: np.ndarray, indices: np.ndarray) -> int:
    parts = np.array_split(indices, math.ceil(len(indices) / ROWS))
    guesses = [found.logits(found(dataset.batch(part)["image"], dataset.spec)).argmax(axis=1) for part in parts]
    return int((np.concatenate(guesses) == labels[indices]).sum())


def _verdict(found: Classifier, *, chance: float) -> str:
    return (
        f"{found.label} recognises {found.accuracy:.1%} of {found.held_out:,} images that it was not trained on ({found.low:.1%} to "
        f"{found.high:.1%}; the largest class is {chance:.1%} of the data)"
        + ("" if found.low > chance else ": hardly better than guessing, so that scores by it say little")
    )
