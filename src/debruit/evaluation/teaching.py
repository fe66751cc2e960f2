"""What the judges of an evaluation (classifier, segmentation, scorer of captions) are trained on: the training images of the model, whatever data the
samples are compared with, and never an image that is scored.

training data of the model - images that it held out - images equal to one that is scored -> the images that judges learn from
"""

import hashlib
from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np

from debruit.data.dataset import Dataset
from debruit.data.split import split_of_model
from debruit.errors import InputError
from debruit.sampling.noise import generator

MOST = 60_000  # images: no judge learns from more
ROWS = 256  # images read at a time
CHOICE = 11  # key of the random stream
FLAG = "--training-data SOURCE"


class Teaching:
    """The images `indices` (rising) of `dataset`. `missing` says why there is no training data, and how to give it; "" where there is some. `copies` are
    training images that were left out because an image that is scored has the same pixels. All is found when it is first asked for."""

    def __init__(
        self, find: Callable[[], Dataset | str], provenance: dict[str, Any], scored: Dataset, judged: np.ndarray
    ) -> None:
        """`find` gives the training data of the model with this `provenance`, or why it is not there; `judged` are the images of `scored` whose
        conditions samples are judged by."""
        self._find, self._provenance, self._scored, self._judged = find, provenance, scored, judged

    @cached_property
    def _found(self) -> Dataset | str:
        return self._find()

    @property
    def missing(self) -> str:
        return self._found if isinstance(self._found, str) else ""

    @property
    def dataset(self) -> Dataset:
        """The training data; the scored data where that is missing, so that its description can be read."""
        return self._scored if isinstance(self._found, str) else self._found

    @property
    def group(self) -> str:
        """Which of its images belong together (data/groups.py), "" where none do."""
        return str(self._provenance.get("group", ""))

    @cached_property
    def _split(self) -> tuple[np.ndarray, int]:
        if isinstance(self._found, str):
            return np.empty(0, np.int64), 0
        training = split_of_model(self._found, self._provenance).training
        if self._found is self._scored:
            training = np.setdiff1d(training, self._judged)
        if len(training) > MOST:
            import torch

            training = np.sort(training[torch.randperm(len(training), generator=generator(CHOICE, 0)).numpy()[:MOST]])
        known = {value for part in _parts(self._judged) for value in pixels_of(self._scored, part)}
        equal = [value in known for part in _parts(training) for value in pixels_of(self._found, part)]
        return training[~np.array(equal, bool)], sum(equal)

    @property
    def indices(self) -> np.ndarray:
        return self._split[0]

    @property
    def copies(self) -> int:
        return self._split[1]

    @cached_property
    def pairs(self) -> int:
        """How many of the images have a caption."""
        captions = captions_of(self.dataset, self.indices)
        return len(captions) - captions.count("")

    def line(self) -> str:
        """What judges learn from, in words; "" where nothing needs to be said."""
        if self.copies == 0:
            return ""
        return (
            f"{self.copies:,} training images have the same pixels as an image that is scored: the networks that judge samples are trained on the other "
            f"{len(self.indices):,}"
        )


def find_training(subject: Any, say: Callable[[str], None]) -> Dataset | str:
    """What the model was trained on, read as it was then, or why it is not at hand, with what to do."""
    about = f"the networks that judge samples are trained on the model's training data ({subject.data.name})"
    source = subject.source()
    if source is None:
        return f"{about}, and {subject.name} does not say where that lies: name it with {FLAG}"
    try:
        found = source.build()
    except (InputError, OSError) as error:
        return f"{about}, which cannot be read ({error}): name it with {FLAG}"
    if found.spec.fingerprint != subject.provenance.get("data_fingerprint"):
        return f"{about}, which has changed since the training: name what it was with {FLAG}"
    return found


def check_training(subject: Any, training: Dataset) -> Dataset:
    """InputError unless this is what the model was trained on, by its content."""
    if training.spec.fingerprint == subject.provenance.get("data_fingerprint"):
        return training
    raise InputError(
        f"{FLAG}: {training.spec.name} is not what {subject.name} was trained on ({subject.data.name}): their images differ, or they are read in another "
        "way; name the data of the training, or leave the flag out"
    )


def captions_of(dataset: Dataset, indices: np.ndarray) -> list[str]:
    """The caption of each of these images, the first where it has several, "" where it has none."""
    texts = dataset.texts
    return ["" if texts is None or not texts[n] else texts[n][0].strip() for n in indices]


def pixels_of(dataset: Dataset, indices: np.ndarray) -> list[bytes]:
    """A digest of each image's pixels."""
    images = dataset.images_of(indices).numpy()
    return [hashlib.blake2b(np.ascontiguousarray(image).data, digest_size=16).digest() for image in images]


def _parts(indices: np.ndarray) -> list[np.ndarray]:
    return [indices[start : start + ROWS] for start in range(0, len(indices), ROWS)]
