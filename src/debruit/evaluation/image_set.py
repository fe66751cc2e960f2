"""What is compared with what: the samples, as many real images in their place (the floor), and the reference that both are measured against.

If the data is what the model was trained on, its file says which images were held out: the floor is made of those first, so that it shows
what images score that the model never saw; the reference is made of training images, and of held-out ones where some are left. Of other data
the model saw nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor

from debruit.annotations.names import position
from debruit.data.dataset import Dataset
from debruit.data.split import split_of_model
from debruit.errors import InputError
from debruit.evaluation.agreement import Agreement
from debruit.evaluation.teaching import FLAG, Teaching, captions_of
from debruit.images.spec import DataSpec
from debruit.models.autoencoder import FirstStage
from debruit.models.diffusion import Model
from debruit.sampling.noise import generator

REFERENCE_IMAGES = 5_000  # twice as many take twice as long, and narrow the interval over their choice from 0.7 to 0.45 of that over 2,000 samples
LEAST_IMAGES = 8
LEAST_JUDGED = 20  # images that the model never saw, for figures of those alone
NOT_GIVEN = f"the networks that judge samples are trained on the model's training data, which was not given: name it with {FLAG}"
DIVISION = 7  # key of the random stream


def nothing() -> np.ndarray:
    """What is seen where nobody has looked, (0, 0)."""
    return np.empty((0, 0), np.float32)


@dataclass(frozen=True)
class EvalSplit:
    """Indices of the data. `training`: what the model was trained on (empty if that is not this data); `held_out`: what it never saw;
    `reference` and `floor` share no image, and are in random order, those of the floor that the model never saw first. `fields` are the conditions
    that the data has beside its images, `captions` how many different ones the `judged` images have, `teaching` the images that judges are trained on."""

    training: np.ndarray
    held_out: np.ndarray
    reference: np.ndarray
    floor: np.ndarray
    fields: tuple[str, ...] = ()
    captions: int = 0
    teaching: Teaching = field(default_factory=lambda: Teaching(lambda: "", {}, None, nothing()))  # ty: ignore

    @property
    def own(self) -> bool:
        """Whether this is the data that the model was trained on."""
        return len(self.training) > 0

    @property
    def judged(self) -> np.ndarray:
        """The images of the floor by whose conditions a model is judged: those that it never saw, all where those are too few."""
        unseen = min(len(self.held_out), len(self.floor))
        return self.floor[:unseen] if unseen >= LEAST_JUDGED else self.floor


@dataclass(frozen=True, kw_only=True)
class ImageSet:
    """N images at rest (N, C, H, W) with what the networks see in them: `features` (N, D) of the network called `network`, and `logits`
    (N, K) of a classifier called `classifier`, both of no rows where none has looked; `labels` (N,) are the classes asked for (samples) or
    true (real images). Where they were made from other images, `originals` is the side of those, in the same order: what went into an autoencoder, or
    what samples are enlargements of; `distances` (N,) is the perceptual distance of each to its own in the eyes of the network called `eyes`. `masks`
    and `captions` are what was asked for beside what is seen; `bare` is the side of samples drawn without the mask. The classifier knows `classes`;
    `fresh` (N,) says which images it was not trained on, nor samples under their conditions, None for all."""

    images: Tensor
    spec: DataSpec
    labels: np.ndarray | None = None
    features: np.ndarray = field(default_factory=nothing)
    network: str = ""
    logits: np.ndarray = field(default_factory=nothing)
    classifier: str = ""
    classes: tuple[str, ...] = ()
    fresh: np.ndarray | None = None
    originals: "ImageSet | None" = None
    distances: np.ndarray = field(default_factory=lambda: np.empty(0))
    eyes: str = ""
    masks: Agreement | None = None
    captions: Agreement | None = None
    bare: "ImageSet | None" = None

    def __len__(self) -> int:
        return len(self.images)

    @property
    def targets(self) -> np.ndarray | None:
        """The labels as the classifier counts its classes, (N,); -1 where it knows none of that name."""
        if self.labels is None:
            return None
        known = [self.classes.index(name) if name in self.classes else -1 for name in self.spec.class_names]
        return np.asarray(known, dtype=np.int64)[self.labels]

    @property
    def recognisable(self) -> np.ndarray:
        """Numbers of the images that the classifier can be asked about: `fresh` ones, of classes that it knows where they have labels."""
        fresh = np.ones(len(self), bool) if self.fresh is None else self.fresh
        targets = self.targets
        return np.flatnonzero(fresh if targets is None else fresh & (targets >= 0))

    def take(self, indices: np.ndarray) -> "ImageSet":
        """The images of these indices, with repetitions."""
        pick = lambda x: x[indices] if len(x) else x  # noqa: E731
        taken = lambda x: None if x is None else x.take(indices)  # noqa: E731
        bare = None if self.bare is None else self.bare.take(indices[indices < len(self.bare)])
        return replace(
            self, images=self.images[torch.from_numpy(indices)], features=pick(self.features), logits=pick(self.logits),
            labels=None if self.labels is None else self.labels[indices], fresh=None if self.fresh is None else self.fresh[indices],
            distances=pick(self.distances),
            originals=taken(self.originals), masks=taken(self.masks), captions=taken(self.captions), bare=bare,
        )  # fmt: skip


def divide(
    model: Model | FirstStage, dataset: Dataset, count: int, *, most: int = REFERENCE_IMAGES, learn: Callable[[], Dataset | str] | None = None
) -> EvalSplit:  # fmt: skip
    """The parts of the data for `count` samples. The floor takes at most half of the images that the model was trained on or never saw, the
    reference at most `most` of the rest. `learn` gives the
    model's training data, or says why it is missing, where `dataset` is other data; judges learn from that."""
    about = model.provenance
    if dataset.spec.fingerprint == about.get("data_fingerprint"):
        own = split_of_model(dataset, about)
        training, held_out = own.training, own.unseen
    else:
        training, held_out = np.empty(0, dtype=np.int64), np.arange(len(dataset))
    order = np.concatenate([_shuffled(held_out), _shuffled(training)])
    total = len(order)  # of data with parts of its own, what steered the training is neither
    if total < LEAST_IMAGES:
        of = "" if total == len(dataset) else f" of {len(dataset)} that the model was trained on or never saw"
        raise InputError(
            f"{dataset.spec.name} has {total} images{of}: figures of a model need at least {LEAST_IMAGES}, and hundreds to mean something"
        )
    floor, rest = np.split(order, [min(count, total // 2)])
    division = EvalSplit(training, held_out, _shuffled(rest[-most:]), floor, _fields(dataset))
    captions = captions_of(dataset, division.judged)
    find = (lambda: dataset) if division.own else learn or (lambda: NOT_GIVEN)
    return replace(division, captions=len({*captions} - {""}), teaching=Teaching(find, about, dataset, division.judged))


def _fields(dataset: Dataset) -> tuple[str, ...]:
    has = {"label": dataset.labels, "mask": dataset.masks, "text": dataset.texts}
    return tuple(name for name, values in has.items() if values is not None)


def passages(division: EvalSplit, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Which images go through an autoencoder: up to `count` that it never saw, and as many (or `count`, where it saw all) of its training."""
    held_out = _shuffled(division.held_out)[:count]
    return held_out, _shuffled(division.training)[: len(held_out) or count]


def check_data(model: Model | FirstStage, spec: DataSpec) -> None:
    """InputError if these images cannot be compared with the model's, or cannot go through the autoencoder."""
    own = model.config.data
    if isinstance(model, FirstStage):
        model.check_fits(spec)
        own = replace(own, height=spec.height, width=spec.width)  # it takes any size
    verb = "takes" if isinstance(model, FirstStage) else "draws"
    if (spec.shape, spec.depth) == (own.shape, own.depth):
        return
    raise InputError(
        f"{spec.name} has images of {in_words(spec)} and the model {verb} {in_words(own)}: evaluate it on the data it was trained on "
        f"({own.name}), or on images of that size, channels and depth"
    )


def asked_classes(model: Model, spec: DataSpec) -> np.ndarray | None:
    """For each class of the model its number in the data, matched by name, (K,); None where one of them has no classes or they differ."""
    conditioner = next((c for c in model.config.conditioners if c.field == "label"), None)
    names = getattr(conditioner, "names", ())
    found = [position(name, spec.class_names) for name in names]
    return np.array(found) if found and None not in found else None


def _shuffled(indices: np.ndarray) -> np.ndarray:
    return indices[torch.randperm(len(indices), generator=generator(DIVISION, 0)).numpy()]


def in_words(spec: DataSpec) -> str:
    """ "8 x 8 pixels (grey, uint8)"."""
    channels = {1: "grey", 3: "RGB"}.get(spec.channels, f"{spec.channels} channels")
    return f"{spec.height} x {spec.width} pixels ({channels}, {spec.depth})"
