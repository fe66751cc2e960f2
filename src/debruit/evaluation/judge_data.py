"""The images that classifier, segmenter and caption scorer are trained on.

These are training images of the model, whatever data the samples are compared with, and never an image that is scored:

    training data of the model - its held-out images - images equal to a scored one
"""

import hashlib
from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np

from debruit.data.dataset import Dataset
from debruit.data.groups import by_thing
from debruit.data.split import split_of_model
from debruit.data.subset import random_subset
from debruit.errors import InputError
from debruit.rng import Purpose

MOST = 60_000  # images; no network here learns from more
ROWS = 256  # images read at a time
FLAG = "--training-data SOURCE"


class JudgeData:
    """The images `indices` (rising) of `dataset`, determined at the first access.

    `missing` says why there is no training data and how to give it; "" if there is some. `copies` counts training
    images that are left out because a scored image has the same pixels.
    """

    def __init__(
        self, find: Callable[[], Dataset | str], provenance: dict[str, Any], scored_data: Dataset, scored: np.ndarray
    ) -> None:
        """`find` returns the training data of the model with this `provenance`, or why it is missing; `scored` are the
        images of `scored_data` whose conditions are scored."""
        self._find, self._provenance, self._scored_data, self._scored = find, provenance, scored_data, scored

    @cached_property
    def _data(self) -> Dataset | str:
        return self._find()

    @property
    def missing(self) -> str:
        return self._data if isinstance(self._data, str) else ""

    @property
    def dataset(self) -> Dataset:
        """The training data; if it is missing the scored data, for its description."""
        return self._scored_data if isinstance(self._data, str) else self._data

    @property
    def group(self) -> str:
        """How images are grouped (data/groups.py): as in the training, else by the things that a table names, so that
        no network is measured on a thing that it has seen; "" without groups."""
        return str(self._provenance.get("group", "")) or by_thing(self.dataset)

    @cached_property
    def _choice(self) -> tuple[np.ndarray, int]:
        if isinstance(self._data, str):
            return np.empty(0, np.int64), 0
        training = split_of_model(self._data, self._provenance).train
        if self._data is self._scored_data:
            training = np.setdiff1d(training, self._scored)
        if len(training) > MOST:
            training = random_subset(training, Purpose.JUDGE_POOL, 0, MOST)
        scored = {digest for part in _parts(self._scored) for digest in pixel_digests(self._scored_data, part)}
        equal = [digest in scored for part in _parts(training) for digest in pixel_digests(self._data, part)]
        return training[~np.array(equal, bool)], sum(equal)

    @property
    def indices(self) -> np.ndarray:
        return self._choice[0]

    @property
    def copies(self) -> int:
        return self._choice[1]

    @cached_property
    def pairs(self) -> int:
        """Number of the images that have a caption."""
        captions = captions_of(self.dataset, self.indices)
        return len(captions) - captions.count("")

    def describe(self) -> str:
        """A sentence about training images that are left out; "" if none are."""
        if self.copies == 0:
            return ""
        return (
            f"{self.copies:,} training images have the same pixels as a scored image: the networks that score samples "
            f"are trained on the other {len(self.indices):,}"
        )


def find_training_data(loaded: Any) -> Dataset | str:
    """The data that a loaded model was trained on, read with the same settings; or why it is not available and what to
    do."""
    about = f"the networks that score samples are trained on the model's training data ({loaded.data.name})"
    source = loaded.source()
    if source is None:
        return f"{about}, and {loaded.name} does not say where that is: name it with {FLAG}"
    try:
        dataset = source.build()
    except (InputError, OSError) as error:
        return f"{about}, which cannot be read ({error}): name it with {FLAG}"
    if dataset.spec.fingerprint != loaded.provenance.get("data_fingerprint"):
        return f"{about}, which has changed since the training: name the original data with {FLAG}"
    return dataset


def check_training_data(loaded: Any, dataset: Dataset) -> Dataset:
    """`dataset`. InputError unless the model was trained on it, by its content."""
    if dataset.spec.fingerprint == loaded.provenance.get("data_fingerprint"):
        return dataset
    raise InputError(
        f"{FLAG}: {dataset.spec.name} is not what {loaded.name} was trained on ({loaded.data.name}): their images "
        "differ, or they are read with other settings; name the training data, or leave the flag out"
    )


def captions_of(dataset: Dataset, indices: np.ndarray) -> list[str]:
    """The first caption of each of these images, "" for images without one."""
    texts = dataset.texts
    return ["" if texts is None or not texts[n] else texts[n][0].strip() for n in indices]


def pixel_digests(dataset: Dataset, indices: np.ndarray) -> list[bytes]:
    """A digest of the pixels of each image."""
    images = dataset.images_of(indices).numpy()
    return [hashlib.blake2b(np.ascontiguousarray(image).data, digest_size=16).digest() for image in images]


def _parts(indices: np.ndarray) -> list[np.ndarray]:
    return [indices[start : start + ROWS] for start in range(0, len(indices), ROWS)]
