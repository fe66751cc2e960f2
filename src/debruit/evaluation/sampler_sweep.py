"""Quality against network evaluations: every sampler on one model, at a few budgets, from the same noise and against the same reference.

The figure is the Frechet distance in the features of one network. All settings draw images 0..n - 1 of one seed, so that their differences
are the samplers'; the interval of a difference is that of the paired contributions of the samples (`metrics.frechet.influence`).
"""

import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from debruit import events
from debruit.data.dataset import Dataset
from debruit.errors import InputError
from debruit.evaluation import sampling_stage
from debruit.evaluation.estimate import in_words as estimate_in_words
from debruit.evaluation.estimate import samplers_pace
from debruit.evaluation.image_set import EvalSplit, check_data, divide
from debruit.evaluation.loaded import LoadedModel
from debruit.evaluation.part_store import Parts
from debruit.evaluation.progress import Progress
from debruit.evaluation.wanted import Wanted, want
from debruit.judges.features.extractor import Extractor
from debruit.metrics.frechet import Moments, frechet, frechet_and_influence, moments
from debruit.metrics.paired import Difference, paired
from debruit.metrics.score import Score
from debruit.models import model_file
from debruit.models.diffusion import Model
from debruit.sampling.config import SamplingConfig
from debruit.sampling.euler import Euler
from debruit.sampling.guidance import weights
from debruit.sampling.sampler import Sampler, name_of
from debruit.seams import implementations

BUDGETS = (5, 10, 20, 40)


@dataclass(frozen=True, kw_only=True)
class Point:
    """One setting and what it scored. `evaluations` of the network an image, each branch of guidance counted; `behind` is how
    much worse it is than the best within the budget, None for that one itself."""

    settings: SamplingConfig
    evaluations: int
    score: Score
    behind: Difference | None = None

    @property
    def name(self) -> str:
        return name_of(self.settings.sampler)


@dataclass(frozen=True, kw_only=True)
class Quality:
    """All points, the model's present setting first; `best` within `budget` evaluations; `floor` is the score of as many real images."""

    subject: LoadedModel
    points: tuple[Point, ...]
    best: Point
    budget: int
    floor: Score
    division: EvalSplit
    network: str
    seed: int
    seconds: float

    @property
    def even(self) -> list[Point]:
        """Within the budget, those that cannot be told from the best."""
        return [
            p for p in self.points if p.evaluations <= self.budget and p.behind is not None and not p.behind.certain
        ]


def quality(
    subject: LoadedModel, dataset: Dataset, count: int, extractor: Extractor, parts: Parts, say: Callable[[str], None] = events.say, *,
    budgets: Sequence[int] = BUDGETS, budget: int = 20, seed: int = 0, batch: int = 64, most: int | None = None,
    division: EvalSplit | None = None,
) -> Generator[Progress, None, Quality]:  # fmt: skip
    """Yields progress, returns the quality of every setting. `division` are the parts of the data where the caller has made them.
    InputError: data of another size, too few samples, a budget below 1."""
    began, model = time.monotonic(), subject.model
    if division is None:
        division = divide(model, dataset, count) if most is None else divide(model, dataset, count, most=most)
    check(subject, dataset, count, division=division, budgets=budgets, budget=budget)
    wanted = want(model, dataset, division)
    cost = _counted(model, wanted)
    tried = candidates(model, sorted({*budgets, budget}), cost)
    pool = np.concatenate([division.floor, division.reference])
    named = dict(zip(_stages(tried, cost), tried, strict=True))
    pace = samplers_pace(subject, dataset, pool, count, named, extractor, parts, wanted=wanted, seed=seed, batch=batch)
    say(estimate_in_words(pace))
    real = yield from pace.follow(
        "features of real images", len(pool), sampling_stage.extract_real(dataset, pool, extractor, say)
    )
    floor, reference = real[: len(division.floor)], moments(real[len(division.floor) :])
    found, contributions = [], []
    for stage, settings in named.items():
        work = sampling_stage.sample(subject, parts, count, wanted=wanted, seed=seed, batch=batch, settings=settings)
        images = yield from pace.follow(stage, count, work)
        work = sampling_stage.extract(images, dataset.spec, extractor, parts)
        features = yield from pace.follow(f"{stage}: features", count, work)
        key = [
            subject.digest,
            extractor.fingerprint,
            dataset.spec.fingerprint,
            pool.tolist(),
            sampling_stage.images_key(images),
        ]
        score, spread = yield from pace.follow(
            f"{stage}: distance", 1, _distance(features, reference, extractor, parts, key)
        )
        found.append(Point(settings=settings, evaluations=cost(settings), score=score))
        contributions.append(spread)
    best = _best(found, budget)
    points = tuple(
        point
        if k == best
        else replace(point, behind=_behind(point, found[best], contributions[k], contributions[best]))
        for k, point in enumerate(found)
    )
    return Quality(
        subject=subject, points=points, best=points[best], budget=budget, floor=frechet(floor, reference, network=extractor.label),
        division=division, network=extractor.label, seed=seed, seconds=time.monotonic() - began,
    )  # fmt: skip


def check(
    subject: LoadedModel,
    dataset: Dataset,
    count: int,
    *,
    division: EvalSplit | None = None,
    budgets: Sequence[int] = BUDGETS,
    budget: int = 20,
) -> None:
    """InputError, before any work: data of another size or without what the model was never trained without, too few samples, a budget below 1."""
    model = subject.model
    check_data(model, dataset.spec)
    if count < 2:
        raise InputError(
            f"-n {count}: a Frechet distance needs at least 2 samples, and some hundreds to tell samplers apart"
        )
    if min(*budgets, budget) < 1:
        raise InputError("a budget of evaluations must be 1 or more, for example --evaluations 5,10,20")
    wanted = want(model, dataset, division or divide(model, dataset, count))
    cost = _counted(model, wanted)
    if not any(cost(settings) <= budget for settings in candidates(model, sorted({*budgets, budget}), cost)):
        least = cost(model.settings(sampler=Euler(), steps=1))
        raise InputError(
            f"--budget {budget}: with guidance {weights.in_words(model.settings().guidance)} a step costs {least} network evaluations: give {least} or more"
        )


def _counted(model: Model, wanted: Wanted) -> Callable[[SamplingConfig], int]:
    """Network evaluations of settings under these conditions, guidance included."""
    asked = wanted.asked(model, 0, 1)
    return lambda settings: model.evaluations(settings, asked)


def candidates(model: Model, budgets: Sequence[int], cost: Callable[[SamplingConfig], int]) -> list[SamplingConfig]:
    """The model's own settings, then every sampler that there is with as many steps as each budget of evaluations buys at its `cost`."""
    tried = [model.settings()]
    samplers: dict[str, Any] = implementations(Sampler)
    for name in sorted(samplers):
        sampler = samplers[name]()
        for budget in budgets:
            settings = affordable(model, sampler, budget, cost)
            if settings is not None and settings not in tried:
                tried.append(settings)
    return tried


def affordable(model: Model, sampler: Any, budget: int, cost: Callable[[SamplingConfig], int]) -> SamplingConfig | None:
    """The model's settings with this sampler and the most steps within the budget; None where not even one step is, or the process cannot be walked so."""
    for steps in range(budget, 0, -1):
        if sampler.evaluations(steps) <= budget:  # without guidance, which only adds
            settings = model.settings(sampler=sampler, steps=steps)
            if _walkable(model, settings) and cost(settings) <= budget:
                return settings
    return None


def store(subject: LoadedModel, settings: SamplingConfig) -> list[str]:
    """Makes these the model's own settings: in its file, atomically, and in the run.json of a run folder, so that the saves of a resumed
    training keep them. Says what was done. InputError: a model that comes with debruit."""
    model_file.check_writable(subject.name)
    path = model_file.model_file(subject.name)
    cost = subject.model.evaluations(settings, subject.model.conditioned())
    model_file.restore(path, replace(subject.model.config, sampling=settings))
    said = [f"{path}: samples by {in_words(settings, cost)} from now on"]
    return said + ([_store_in_run(Path(subject.name), settings)] if subject.run is not None else [])


def _store_in_run(folder: Path, settings: SamplingConfig) -> str:
    from debruit.training.config import Run
    from debruit.training.run_folder import RUN, RunFolder

    run = RunFolder.open(folder, lambda line: None).run
    assert isinstance(run, Run)
    RunFolder.open(folder, lambda line: None, model=replace(run.model, sampling=settings))
    return f"{folder / RUN}: the same, so that a resumed training keeps them"


def in_words(settings: SamplingConfig, cost: int) -> str:
    """ "heun, 8 steps (15 evaluations) of UniformTime, guidance 1"; `cost` is that of an image."""
    return (
        f"{name_of(settings.sampler)}, {settings.steps} steps ({cost} evaluations) of {type(settings.grid).__name__}, "
        f"guidance {weights.in_words(settings.guidance)}"
    )


def _distance(
    features: np.ndarray, reference: Moments, extractor: Extractor, parts: Parts, key: list[Any]
) -> Generator[float, None, tuple[Score, np.ndarray]]:
    """The distance of a setting's samples, and what each contributes to it; kept."""

    def make() -> dict[str, Any]:
        score, spread = frechet_and_influence(features, reference, network=extractor.label)
        return {"score": asdict(score), "influence": spread.tolist()}

    kept = parts.kept("distance", key, make)
    yield 1
    return Score(**kept["score"]), np.asarray(kept["influence"])


def _stages(tried: Sequence[SamplingConfig], cost: Callable[[SamplingConfig], int]) -> list[str]:
    """What the settings are called while they are tried, each by another name."""
    names = [f"{name_of(s.sampler)}, {cost(s)} evaluations" for s in tried]
    return [f"{k} of {len(names)}: {name}" for k, name in enumerate(names, start=1)]


def _best(points: Sequence[Point], budget: int) -> int:
    within = [k for k, p in enumerate(points) if p.evaluations <= budget]
    return min(within, key=lambda k: points[k].score.value)


def _behind(point: Point, best: Point, ours: np.ndarray, theirs: np.ndarray) -> Difference:
    return paired(point.score.value - best.score.value, ours - theirs, better="low")


def _walkable(model: Model, settings: SamplingConfig) -> bool:
    """Whether the model's process can be walked so: a chain has no more steps than its own, and a learned variance must have been learned."""
    try:
        settings.grid.times(model.config.process, settings.steps)
    except InputError:
        return False
    return True
