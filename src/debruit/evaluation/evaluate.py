"""Is this model any good: samples, features, every score that applies beside what as many real images score, likelihood, memorisation, loss.

    subject + data + request -> (progress, ...) -> Evaluation

A generator: the shell decides what to show, and may stop it anywhere. What was finished is kept in `parts`, so that the same call goes on
where it stopped and ends at the same numbers.
"""

import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, fields
from typing import Any

from debruit.data.dataset import Dataset, DataSpec, quiet
from debruit.data.keys import make_key
from debruit.errors import InputError
from debruit.evaluation import stages
from debruit.evaluation.analyses import ANALYSES, Task, seconds
from debruit.evaluation.catalogue import Choice, choose
from debruit.evaluation.judge import FLOOR, SAMPLES, find_networks, look, samples_key, score
from debruit.evaluation.pace import Pace, Progress
from debruit.evaluation.parts import Parts
from debruit.evaluation.score import Score
from debruit.evaluation.sides import Division, Side, check_data, divide
from debruit.evaluation.subject import Subject

GUESS_IMAGES_PER_SECOND = 100  # of a feature network, before it was measured
METRIC_SECONDS = 0.002  # one metric, one image
MOST_TRAINING = 20_000  # of more training images the features, minutes of work, are computed only if memorisation is asked for by name


@dataclass(frozen=True, kw_only=True)
class Request:
    """What is asked. `metrics` are names of the catalogue, () all that apply; `network` as `find_extractor` takes it; the likelihood is
    that of `likelihood_images` training and as many held-out images."""

    count: int = 2000
    metrics: tuple[str, ...] = ()
    network: str = "efficientnet"
    seed: int = 0
    batch: int = 64
    likelihood_images: int = 64

    def __post_init__(self) -> None:
        if self.count < 2:
            raise InputError(f"-n {self.count}: figures need at least 2 samples, and about 2,000 to mean something")
        if self.batch < 1:
            raise InputError(f"--batch {self.batch}: give 1 or more")
        if self.likelihood_images < 2:
            raise InputError(f"--likelihood-images {self.likelihood_images}: a standard error needs at least 2 images")


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """Everything that was found. `scores` are the samples', `floor` the same of `floor_count` real images in their place; `left_out` says
    which metrics do not apply, and why. `analyses` are findings by name (bound, likelihood, memorisation, loss), `sides` what was compared, `key` what
    determines that."""

    subject: Subject
    data: DataSpec
    request: Request
    division: Division
    scores: tuple[Score, ...]
    floor: tuple[Score, ...]
    left_out: tuple[tuple[str, str], ...]
    analyses: dict[str, Any]
    sides: dict[str, Side]
    networks: dict[str, Any]
    key: list[Any]
    seconds: float

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
    subject: Subject, dataset: Dataset, request: Request, parts: Parts, say: Callable[[str], None] = quiet, *,
    division: Division | None = None,
) -> Generator[Progress, None, Evaluation]:  # fmt: skip
    """Yields progress, returns the evaluation. `division` is that of another model to compare with.

    InputError: data of another size, a metric asked for by name that does not apply here.
    """
    began, model = time.monotonic(), subject.model
    check_data(model, dataset.spec)
    division = division or divide(model, dataset, request.count)
    choice = choose(request.metrics, subject, dataset.spec, division, request.count)
    networks = find_networks(choice, request.network, dataset, say, device=model.device.type)
    copies = "memorisation" in choice.analyses and (
        len(division.training) <= MOST_TRAINING or "memorisation" in request.metrics
    )
    pace = Pace(expected(subject, division, request, choice, all_training=copies))
    drawing = stages.sample(subject, parts, request.count, seed=request.seed, batch=request.batch)
    samples = yield from pace.follow("samples", request.count, drawing)
    key = samples_key(subject, request.seed, request.batch, request.count)
    sides = yield from look(subject, dataset, division, samples, networks, parts, pace, say, all_training=copies)
    used = [
        dataset.spec.fingerprint,
        digest(division),
        *(n and n.fingerprint for n in (networks.features, networks.classifier)),
    ]
    key = [*key, *used]
    scores = yield from score(choice, sides, key, parts, pace)
    task = Task(subject, dataset, division, request.likelihood_images, request.seed, parts, sides, key, say)
    found = {}
    for name in choice.analyses:
        total, work = ANALYSES[name](task)
        found[name] = yield from pace.follow(name, total, work)
    return Evaluation(
        subject=subject, data=dataset.spec, request=request, division=division, scores=scores[SAMPLES], floor=scores[FLOOR],
        left_out=choice.left_out, analyses=found, sides=sides, networks=networks.about(), key=key, seconds=time.monotonic() - began,
    )  # fmt: skip


def expected(
    subject: Subject, division: Division, request: Request, choice: Choice, *, all_training: bool
) -> dict[str, float]:
    """A guess at the seconds of each stage, from one measured evaluation of the model's network."""
    model, count = subject.model, request.count
    one = stages.seconds_per_evaluation(model)
    guess = {"samples": count * one * stages.evaluations(model, model.settings())}
    if choice.needs("features"):
        guess["features"] = count / GUESS_IMAGES_PER_SECOND
        real = {*division.floor.tolist(), *division.reference.tolist()}
        real |= {*division.training.tolist(), *division.held_out.tolist()} if all_training else set()
        guess["features of real images"] = len(real) / GUESS_IMAGES_PER_SECOND
    if choice.metrics:
        guess["scores"] = (count + len(division.floor)) * len(choice.metrics) * METRIC_SECONDS
    return guess | {name: seconds(name, request.likelihood_images, one) for name in choice.analyses}


def digest(division: Division) -> str:
    """A digest of which images play which part."""
    return make_key([getattr(division, f.name).tolist() for f in fields(division)])
