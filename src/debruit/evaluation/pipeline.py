"""Is this model any good: samples, features, every score that applies beside what as many real images score, likelihood, memorisation, loss.

    subject + data + request -> (progress, ...) -> Evaluation

A generator: the shell decides what to show, and may stop it anywhere. What was finished is kept in `parts`, so that the same call goes on
where it stopped and ends at the same numbers.
"""

import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from debruit import events
from debruit.data.dataset import Dataset
from debruit.errors import InputError
from debruit.evaluation import sampling_stage
from debruit.evaluation.alignment import follow
from debruit.evaluation.analyses import ANALYSES, Task
from debruit.evaluation.estimate import evaluation_pace, in_words
from debruit.evaluation.image_set import EvalSplit, ImageSet, check_data, divide, passages
from debruit.evaluation.loaded import LoadedAutoencoder, LoadedModel
from debruit.evaluation.part_store import Parts
from debruit.evaluation.progress import Pace, Progress
from debruit.evaluation.protocol import (
    DECODED,
    FLOOR,
    SAMPLES,
    SEEN,
    THROUGH,
    Networks,
    find_networks,
    look,
    look_through,
    samples_key,
    score,
)
from debruit.evaluation.reconstruction import passed
from debruit.evaluation.registry import Choice, choose
from debruit.evaluation.teaching import check_training, find_training
from debruit.evaluation.wanted import Wanted, want
from debruit.files.keys import make_key
from debruit.images.spec import DataSpec
from debruit.metrics.reconstruction import gap
from debruit.metrics.score import Score

MOST_TRAINING = 20_000  # of more training images the features, minutes of work, are computed only if memorisation is asked for by name


@dataclass(frozen=True, kw_only=True)
class Request:
    """What is asked. `metrics` are names of the catalogue, () all that apply; `network` as `find_extractor` takes it; the likelihood is
    that of `likelihood_images` training and as many held-out images. Samples are measured against up to `reference` images of the data, None the usual
    number (sides.REFERENCE_IMAGES)."""

    count: int = 2000
    metrics: tuple[str, ...] = ()
    network: str = "efficientnet"
    seed: int = 0
    batch: int = 64
    likelihood_images: int = 64
    reference: int | None = None

    def __post_init__(self) -> None:
        if self.count < 2:
            raise InputError(f"-n {self.count}: figures need at least 2 samples, and about 2,000 to mean something")
        if self.batch < 1:
            raise InputError(f"--batch {self.batch}: give 1 or more")
        if self.reference is not None and self.reference < 2:
            raise InputError(
                f"--reference {self.reference}: a distance needs at least 2 images to compare with, and thousands to mean something"
            )
        if self.likelihood_images < 2:
            raise InputError(f"--likelihood-images {self.likelihood_images}: a standard error needs at least 2 images")


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """Everything that was found. `scores` are the samples', `floor` the same of as many real images in their place, `through` the same of those
    images once through the model's autoencoder; `decoded` compares what came out of it with what went in, `seen` does for images that an
    autoencoder by itself was trained on. `left_out` says which metrics do not apply, and why. `analyses` are findings by name (bound, likelihood,
    memorisation, loss, codec), `sides` what was compared, `key` what determines that, `wanted` what was asked of a diffusion model."""

    subject: LoadedModel | LoadedAutoencoder
    data: DataSpec
    request: Request
    division: EvalSplit
    scores: tuple[Score, ...]
    floor: tuple[Score, ...]
    left_out: tuple[tuple[str, str], ...]
    analyses: dict[str, Any]
    sides: dict[str, ImageSet]
    networks: dict[str, Any]
    key: list[Any]
    seconds: float
    through: tuple[Score, ...] = ()
    decoded: tuple[Score, ...] = ()
    seen: tuple[Score, ...] = ()
    wanted: Wanted | None = None

    @property
    def gaps(self) -> tuple[Score, ...]:
        """`decoded` less `seen`, where an autoencoder was measured on both."""
        seen = {s.label: s for s in self.seen}
        return tuple(gap(s, seen[s.label]) for s in self.decoded if s.label in seen)

    @property
    def own_floor(self) -> str:
        """Which real images stand in the samples' place, in words."""
        division = self.division
        if not division.own:
            return f"of {self.data.name}, which the model was not trained on,"
        unseen = min(len(division.held_out), len(division.floor))
        if unseen == len(division.floor):
            return "that the model never saw"
        if not unseen:
            return "(of its training images, since none were held out)"
        return f"({unseen:,} that the model never saw, the others among its training images)"


def evaluate(
    subject: LoadedModel | LoadedAutoencoder, dataset: Dataset, request: Request, parts: Parts, say: Callable[[str], None] = events.say, *,
    division: EvalSplit | None = None, training: Dataset | None = None,
) -> Generator[Progress, None, Evaluation]:  # fmt: skip
    """Yields progress, returns the evaluation. `division` is that of another model to compare with. `training` is what the model was trained on, where
    `dataset` is other data and the model does not say where its own lies: the networks that judge samples are trained on it.

    InputError: data of another size, a metric asked for by name that does not apply here.
    """
    began = time.monotonic()
    check_data(subject.model, dataset.spec)
    division = division or divided(subject, dataset, request.count, training, say, request.reference)
    choice = choose(request.metrics, subject, dataset.spec, division, request.count)
    wanted = want(subject.model, dataset, division) if isinstance(subject, LoadedModel) else None
    networks = find_networks(choice, request.network, dataset, division, say, device=subject.device.type)
    pace = evaluation_pace(
        subject, dataset, division, request.count, choice, wanted, networks, parts, seed=request.seed, batch=request.batch,
        likelihood_images=request.likelihood_images, all_training=_looks_at_all(choice, division, request),
    )  # fmt: skip
    say(in_words(pace))
    if isinstance(subject, LoadedModel):
        assert wanted is not None
        sides = yield from _sampled(subject, dataset, division, wanted, request, choice, networks, parts, pace, say)
        key, through = samples_key(subject, wanted, request.seed, request.batch, request.count), division.floor
    else:
        sides = yield from look_through(subject, dataset, division, request.count, networks, parts, pace, say)
        key, through = [subject.digest, subject.device.type, request.count], _first(passages(division, request.count))
    used = (networks.features, networks.classifier, networks.eyes)
    key = [*key, dataset.spec.fingerprint, digest(division), *(n and getattr(n, "fingerprint", n.label) for n in used)]
    key += networks.judges.fingerprints
    columns = yield from score(choice, sides, key, parts, pace)
    task = Task(subject, dataset, division, request.likelihood_images, request.seed, parts, sides, key, say, through)
    found = {}
    for name in choice.analyses:
        total, work = ANALYSES[name](task)
        found[name] = yield from pace.follow(name, total, work)
    return Evaluation(
        subject=subject, data=dataset.spec, request=request, division=division, scores=columns[SAMPLES], floor=columns[FLOOR],
        through=columns[THROUGH], decoded=columns[DECODED] or columns[SEEN], seen=columns[SEEN] if columns[DECODED] else (),
        left_out=choice.left_out, analyses=found, sides=sides, networks=networks.about(), key=key, seconds=time.monotonic() - began,
        wanted=wanted,
    )  # fmt: skip


def divided(
    subject: LoadedModel | LoadedAutoencoder, dataset: Dataset, count: int, training: Dataset | None, say: Callable[[str], None],
    reference: int | None = None,
) -> EvalSplit:  # fmt: skip
    """The parts of the data, judges being trained on `training`, or where that is None on what the model says that it was trained on. InputError: given
    training data is not what the model was trained on."""
    given = None if training is None else check_training(subject, training)
    most = {} if reference is None else {"most": reference}
    return divide(subject.model, dataset, count, learn=lambda: given or find_training(subject, say), **most)


def _sampled(
    subject: LoadedModel, dataset: Dataset, division: EvalSplit, wanted: Wanted, request: Request, choice: Choice, networks: Networks, parts: Parts,
    pace: Pace, say: Callable[[str], None],
) -> Generator[Progress, None, dict[str, ImageSet]]:  # fmt: skip
    """The sides of a diffusion model: its samples, real images in their place, the reference, and the real images once through its autoencoder."""
    seed, batch = request.seed, request.batch
    drawing = sampling_stage.sample(subject, parts, request.count, wanted=wanted, seed=seed, batch=batch)
    samples = yield from pace.follow("samples", request.count, drawing)
    copies, asked = _looks_at_all(choice, division, request), wanted.labels(subject.model, request.count)
    real = wanted.counterparts(0, request.count) if wanted.has("label") else None
    sides = yield from look(
        dataset, division, samples, asked, networks, parts, pace, say, all_training=copies, counterparts=real
    )
    if choice.passages:
        floor = sides[FLOOR]
        work = passed(subject, dataset, division.floor, floor, networks, parts, pace, classify=True)
        sides[DECODED] = yield from work
    work = follow(subject, dataset, division, wanted, sides, networks.judges, parts, pace, seed=seed, batch=batch)
    return (yield from work)


def _looks_at_all(choice: Choice, division: EvalSplit, request: Request) -> bool:
    """Whether the feature network looks at all training images, for memorisation."""
    asked = "memorisation" in request.metrics
    return "memorisation" in choice.analyses and (len(division.training) <= MOST_TRAINING or asked)


def _first(sets: Sequence[np.ndarray]) -> np.ndarray:
    """The first of them that has images."""
    return next(indices for indices in sets if len(indices))


def digest(division: EvalSplit) -> str:
    """A digest of which images play which part."""
    parts = (division.training, division.held_out, division.reference, division.floor)
    return make_key([indices.tolist() for indices in parts])
