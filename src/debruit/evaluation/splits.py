"""The parts of a data set in an evaluation: real baseline, reference, and the images that the evaluating networks learn
from.

If the data is what the model was trained on, its file says which images were held out. The real baseline takes those
first, so that it shows the score of images that the model never saw. The reference consists of training images, and of
held-out images that are left over. If the data is other data, the model saw none of it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from debruit.annotations.names import position
from debruit.data.dataset import Dataset
from debruit.data.split import split_of_model
from debruit.data.subset import shuffled
from debruit.errors import InputError
from debruit.evaluation.caption_content import NONE, largest_class, names_class, requested_hues
from debruit.evaluation.image_set import empty
from debruit.evaluation.judge_data import FLAG, JudgeData, captions_of
from debruit.images.spec import DataSpec
from debruit.models.autoencoder import FirstStage
from debruit.models.diffusion import Model
from debruit.rng import Purpose

REFERENCE_IMAGES = 5_000
"""Twice as many take twice as long and narrow the interval over their choice from 0.7 to 0.45 of that over 2,000
samples."""
LEAST_IMAGES = 8
MOST_CANDIDATES = 2_000
LEAST_UNSEEN = 20  # images that the model never saw, for scores of those alone
NOT_GIVEN = (
    "the networks that score samples are trained on the model's training data, which was not given: name it with "
    + FLAG
)


@dataclass(frozen=True)
class EvalSplit:
    """Indices of the data.

    training: the images that the model was trained on; empty for other data
    held_out: the images that the model never saw
    reference, baseline: disjoint, in random order; the baseline has images that the model never saw first
    fields: the conditions in the data
    captions: number of different captions of the `scored` images
    hues: number of `scored` images whose caption names one hue
    things_of_class: number of different things with captions in the largest class of the `candidates`
    classes_named: number of `scored` images whose caption names their class
    judge_data: the images that classifier, segmenter and caption scorer are trained on
    """

    training: np.ndarray
    held_out: np.ndarray
    reference: np.ndarray
    baseline: np.ndarray
    fields: tuple[str, ...] = ()
    captions: int = 0
    hues: int = 0
    things_of_class: int = 0
    classes_named: int = 0
    judge_data: JudgeData = field(default_factory=lambda: JudgeData(lambda: "", {}, None, empty()))  # ty: ignore

    @property
    def own(self) -> bool:
        """Whether this is the data that the model was trained on."""
        return len(self.training) > 0

    @property
    def captions_name_classes(self) -> bool:
        """Whether most captions of the scored images name the class of their image, so that they request it."""
        return 2 * self.classes_named > len(self.scored)

    @property
    def scored(self) -> np.ndarray:
        """The baseline images whose conditions are scored: those that the model never saw, or all if those are too
        few."""
        return self.baseline[: self._unseen] if self._unseen >= LEAST_UNSEEN else self.baseline

    @property
    def candidates(self) -> np.ndarray:
        """The images whose captions the caption of a scored image is compared with in its class: at most
        MOST_CANDIDATES that the model never saw, as the scored ones."""
        pool = self.held_out if self._unseen >= LEAST_UNSEEN else self.baseline
        return _shuffled(pool)[:MOST_CANDIDATES]

    @property
    def _unseen(self) -> int:
        return min(len(self.held_out), len(self.baseline))


def split_for_evaluation(
    model: Model | FirstStage,
    dataset: Dataset,
    count: int,
    *,
    most: int | None = None,
    judge_data: Callable[[], Dataset | str] | None = None,
) -> EvalSplit:
    """The split of the data for `count` samples.

    The baseline takes at most half of the images that the model was trained on or never saw, the reference at most
    `most` of the rest (None: REFERENCE_IMAGES). If `dataset` is other data, `judge_data` returns the model's training
    data, or why it is missing. InputError: fewer than LEAST_IMAGES images.
    """
    about = model.provenance
    if dataset.spec.fingerprint == about.get("data_fingerprint"):
        own = split_of_model(dataset, about)
        training, held_out = own.train, own.test
    else:
        training, held_out = np.empty(0, dtype=np.int64), np.arange(len(dataset))
    order = np.concatenate([_shuffled(held_out), _shuffled(training)])
    total = len(order)  # of data with a split of its own, the validation images are in neither part
    if total < LEAST_IMAGES:
        of = "" if total == len(dataset) else f" of {len(dataset)} that the model was trained on or never saw"
        raise InputError(
            f"{dataset.spec.name} has {total} images{of}: an evaluation needs at least {LEAST_IMAGES}, and hundreds "
            "for meaningful scores"
        )
    baseline, rest = np.split(order, [min(count, total // 2)])
    split = EvalSplit(training, held_out, _shuffled(rest[-(most or REFERENCE_IMAGES) :]), baseline, _fields(dataset))
    captions = captions_of(dataset, split.scored)
    hues = int((requested_hues(dataset, split.scored) != NONE).sum())
    find = (lambda: dataset) if split.own else judge_data or (lambda: NOT_GIVEN)
    return replace(
        split,
        captions=len({*captions} - {""}),
        hues=hues,
        things_of_class=largest_class(dataset, split.candidates),
        classes_named=int(names_class(dataset, split.scored).sum()),
        judge_data=JudgeData(find, about, dataset, split.scored),
    )


def reconstruction_indices(split: EvalSplit, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Images for an autoencoder: up to `count` that it never saw, and as many training images (`count` if it saw
    all)."""
    held_out = _shuffled(split.held_out)[:count]
    return held_out, _shuffled(split.training)[: len(held_out) or count]


def requested_classes(model: Model, spec: DataSpec) -> np.ndarray | None:
    """For each class of the model its index in the data, matched by name, (K,); None if one of them has no classes or
    they differ."""
    labelled = any(c.item == "label" for c in model.config.conditioners)
    names = model.config.data.class_names if labelled else ()
    matches = [position(name, spec.class_names) for name in names]
    return np.array(matches) if matches and None not in matches else None


def _fields(dataset: Dataset) -> tuple[str, ...]:
    has = {"label": dataset.labels, "mask": dataset.masks, "text": dataset.texts}
    return tuple(name for name, values in has.items() if values is not None)


def _shuffled(indices: np.ndarray) -> np.ndarray:
    return shuffled(indices, Purpose.IMAGE_SET, 0)
