"""Outputs of feature networks and classifiers for images, in saved batches."""

import hashlib
from collections.abc import Generator, Mapping
from typing import Any

import numpy as np
from torch import Tensor

from debruit.config import encode
from debruit.data.dataset import Dataset
from debruit.evaluation.result_store import ResultStore
from debruit.files.keys import make_key
from debruit.images.spec import DataSpec
from debruit.judges.extractor import Extractor
from debruit.judges.feature_cache import features_of

BATCH = 250  # images per saved result: seconds of work


def extract(
    images: Tensor, spec: DataSpec, extractor: Extractor, store: ResultStore
) -> Generator[float, None, np.ndarray]:
    """Features of images, (N, D). A batch is identified by its pixels, so that more samples reuse the features of
    fewer."""
    done = []
    for start in range(0, len(images), BATCH):
        batch = images[start : start + BATCH]
        key = [extractor.fingerprint, encode(spec), images_key(batch)]
        done.append(store.get_or_make("features", key, lambda: extractor(batch, spec)))  # noqa: B023
        yield start + len(batch)
    return np.concatenate(done)


def extract_real(dataset: Dataset, indices: np.ndarray, extractor: Extractor) -> Generator[float, None, np.ndarray]:
    """Features of real images, (N, D), from the cache where they are known."""
    return (yield from features_of(dataset, indices, extractor))


def classify(
    groups: Mapping[str, Tensor], spec: DataSpec, classifier: Any
) -> Generator[float, None, dict[str, np.ndarray]]:
    """The classifier's logits for groups of images, (N, K) each."""
    logits, done = {}, 0
    for name, images in groups.items():
        rows = []
        for batch in images.split(BATCH):
            rows.append(classifier.logits(classifier(batch, spec)))
            done += len(batch)
            yield done
        logits[name] = np.concatenate(rows) if rows else np.empty((0, len(spec.class_names)), np.float32)
    return logits


def images_key(images: Tensor) -> str:
    """A digest of dtype, shape and bytes."""
    array = np.ascontiguousarray(images.numpy())
    return make_key(str(array.dtype), list(array.shape), hashlib.sha256(array.data).hexdigest())
