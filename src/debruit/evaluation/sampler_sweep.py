"""Sample quality against network evaluations: every sampler on one model at a few budgets, from the same noise and
against the same reference.

Quality is the Frechet distance in the features of one network. All settings generate images 0..n - 1 of one seed, so
that their differences are those of the samplers; the interval of a difference is that of the paired contributions of
the samples (metrics/frechet.py, `influence`).
"""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from debruit import events
from debruit.data.dataset import Dataset
from debruit.errors import InputError
from debruit.evaluation import extraction, sampling_stage
from debruit.evaluation.conditions import SampleConditions, sample_conditions
from debruit.evaluation.estimate import describe as describe_time
from debruit.evaluation.estimate import sweep_timer
from debruit.evaluation.progress import StageTimer
from debruit.evaluation.result_store import ResultStore
from debruit.evaluation.sampling_stage import SampleRequest
from debruit.evaluation.splits import EvalSplit, split_for_evaluation
from debruit.evaluation.sweep_settings import candidates, cost_of
from debruit.judges.extractor import Extractor
from debruit.metrics.frechet import Moments, frechet, frechet_and_influence, moments
from debruit.metrics.paired import Difference, paired
from debruit.metrics.score import Score
from debruit.models.diffusion import Model
from debruit.models.loaded import LoadedModel
from debruit.sampling.config import SamplingConfig
from debruit.sampling.euler import Euler
from debruit.sampling.guidance import weights
from debruit.sampling.sampler import name_of

BUDGETS = (5, 10, 20, 40)


@dataclass(frozen=True, kw_only=True)
class Point:
    """One setting and its score. `evaluations` of the network per image, each branch of guidance counted; `gap_to_best`
    is the difference to the best setting within the budget, None for that one itself."""

    settings: SamplingConfig
    evaluations: int
    score: Score
    gap_to_best: Difference | None = None

    @property
    def name(self) -> str:
        return name_of(self.settings.sampler)


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """All points, the model's own setting first; `best` within `budget` evaluations; `real_baseline` is the score of as
    many real images."""

    loaded: LoadedModel
    points: tuple[Point, ...]
    best: Point
    budget: int
    real_baseline: Score
    split: EvalSplit
    network: str
    seed: int
    seconds: float

    @property
    def even(self) -> list[Point]:
        """Points within the budget whose difference to the best is not significant."""
        within = (p for p in self.points if p.evaluations <= self.budget)
        return [p for p in within if p.gap_to_best is not None and not p.gap_to_best.certain]


def sweep(
    loaded: LoadedModel,
    dataset: Dataset,
    count: int,
    extractor: Extractor,
    store: ResultStore,
    *,
    budgets: Sequence[int] = BUDGETS,
    budget: int = 20,
    seed: int = 0,
    batch: int = 64,
    most: int | None = None,
    split: EvalSplit | None = None,
) -> Sweep:
    """The quality of every setting. `split` is that of the data, if it was made before. InputError: as `check`."""
    began, model = time.monotonic(), loaded.model
    if split is None:
        split = split_for_evaluation(model, dataset, count, most=most)
    check(loaded, dataset, count, split=split, budgets=budgets, budget=budget)
    conditions = sample_conditions(model, dataset, split)
    cost = cost_of(model, conditions)
    requests = _requests(model, conditions, sorted({*budgets, budget}), count, seed, batch)
    pool = np.concatenate([split.baseline, split.reference])
    timer = sweep_timer(loaded, dataset, pool, requests, extractor, store)
    events.say(describe_time(timer))
    work = extraction.extract_real(dataset, pool, extractor)
    real = timer.run("features of real images", len(pool), work)
    baseline, reference = real[: len(split.baseline)], moments(real[len(split.baseline) :])
    measure = _Measure(loaded, dataset, extractor, store, timer, reference, pool)
    points, contributions = [], []
    for stage, request in requests.items():
        assert request.config is not None
        score, influence = measure(stage, request)
        points.append(Point(settings=request.config, evaluations=cost(request.config), score=score))
        contributions.append(influence)
    points, best = _with_gaps(points, contributions, budget)
    return Sweep(
        loaded=loaded,
        points=points,
        best=best,
        budget=budget,
        real_baseline=frechet(baseline, reference, network=extractor.label),
        split=split,
        network=extractor.label,
        seed=seed,
        seconds=time.monotonic() - began,
    )


def check(
    loaded: LoadedModel,
    dataset: Dataset,
    count: int,
    *,
    split: EvalSplit | None = None,
    budgets: Sequence[int] = BUDGETS,
    budget: int = 20,
) -> None:
    """InputError, before any work: data of another size or without a condition that the model was always trained with,
    too few samples, a budget below the cost of one step."""
    model = loaded.model
    loaded.check_data(dataset.spec)
    if count < 2:
        raise InputError(
            f"-n {count}: a Frechet distance needs at least 2 samples, and some hundreds to tell samplers apart"
        )
    if min(*budgets, budget) < 1:
        raise InputError("a budget of evaluations must be 1 or more, for example --evaluations 5,10,20")
    cost = cost_of(model, sample_conditions(model, dataset, split or split_for_evaluation(model, dataset, count)))
    if not any(cost(settings) <= budget for settings in candidates(model, sorted({*budgets, budget}), cost)):
        least = cost(model.settings(sampler=Euler(), steps=1))
        guidance = weights.describe(model.settings().guidance)
        raise InputError(
            f"--budget {budget}: with guidance {guidance} a step costs {least} network evaluations: give {least} or "
            "more"
        )


@dataclass(frozen=True)
class _Measure:
    """The Frechet distance of a setting's samples, and the contribution of each sample to it, (N,)."""

    loaded: LoadedModel
    dataset: Dataset
    extractor: Extractor
    store: ResultStore
    timer: StageTimer
    reference: Moments
    pool: np.ndarray

    def __call__(self, stage: str, request: SampleRequest) -> tuple[Score, np.ndarray]:
        work = sampling_stage.sample(self.loaded, self.store, request)
        images = self.timer.run(stage, request.count, work)
        work = extraction.extract(images, self.dataset.spec, self.extractor, self.store)
        features = self.timer.run(f"{stage}: features", request.count, work)
        data = [self.dataset.spec.fingerprint, self.pool.tolist()]
        key = [self.loaded.digest, self.extractor.fingerprint, *data, extraction.images_key(images)]
        return self.timer.run(f"{stage}: distance", 1, self._distance(features, key))

    def _distance(self, features: np.ndarray, key: list):
        def make() -> dict[str, Any]:
            score, influence = frechet_and_influence(features, self.reference, network=self.extractor.label)
            return {"score": asdict(score), "influence": influence}

        saved = self.store.get_or_make("distance", key, make)
        yield 1
        return Score(**saved["score"]), saved["influence"]


def _requests(
    model: Model, conditions: SampleConditions, budgets: Sequence[int], count: int, seed: int, batch: int
) -> dict[str, SampleRequest]:
    """The samples of each candidate by the name of its stage."""
    cost = cost_of(model, conditions)
    settings = candidates(model, budgets, cost)
    return {
        f"{k} of {len(settings)}: {name_of(s.sampler)}, {cost(s)} evaluations": SampleRequest(
            conditions=conditions, count=count, seed=seed, batch=batch, config=s
        )
        for k, s in enumerate(settings, start=1)
    }


def _with_gaps(
    points: Sequence[Point], contributions: Sequence[np.ndarray], budget: int
) -> tuple[tuple[Point, ...], Point]:
    """The points with their gaps to the best one within the budget, and that one."""
    within = [k for k, p in enumerate(points) if p.evaluations <= budget]
    best = min(within, key=lambda k: points[k].score.value)
    lowest, own = points[best].score.value, contributions[best]

    def gap(k: int) -> Difference | None:
        return None if k == best else paired(points[k].score.value - lowest, contributions[k] - own, better="low")

    complete = tuple(replace(p, gap_to_best=gap(k)) for k, p in enumerate(points))
    return complete, complete[best]
