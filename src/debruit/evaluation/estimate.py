"""Estimated time of an evaluation before its first stage: units of work per stage, and the time per unit by short
probes.

Saved results and cached features are subtracted, so that a resumed evaluation reports what is left of it.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from debruit.data.dataset import Dataset
from debruit.evaluation import sampling_stage
from debruit.evaluation.alignment import WITHOUT_MASK
from debruit.evaluation.analyses.likelihood import GRADIENT
from debruit.evaluation.networks import Networks
from debruit.evaluation.progress import Cost, Rate, StageTimer
from debruit.evaluation.registry import Choice
from debruit.evaluation.result import Request
from debruit.evaluation.result_store import ResultStore
from debruit.evaluation.sampling_stage import Probe, SampleRequest, missing_share
from debruit.evaluation.splits import EvalSplit, reconstruction_indices
from debruit.judges.extractor import Extractor
from debruit.judges.feature_cache import unknown_count
from debruit.judges.features.network import seconds_per_image
from debruit.models.loaded import LoadedAutoencoder, LoadedModel
from debruit.rng import Purpose, stream

EVALUATION, FEATURE, DISTANCE, OTHER = "evaluation", "feature", "distance", "other"
PROBE_WIDTH = 320
"""Features of the Frechet distance that is timed; others cost by their square, and by the rank of the samples."""
SHOWN, SHOWN_SECONDS = 5, 1.0  # the longest stages are named, and no shorter ones


@dataclass(frozen=True)
class Plan:
    """The work of an evaluation. `samples` is None for an autoencoder; `all_training` says whether features of all
    training images are extracted."""

    loaded: LoadedModel | LoadedAutoencoder
    dataset: Dataset
    split: EvalSplit
    request: Request
    choice: Choice
    networks: Networks
    store: ResultStore
    samples: SampleRequest | None
    all_training: bool


def evaluation_timer(plan: Plan) -> StageTimer:
    """The stages of `evaluate`, by their names there."""
    costs: dict[str, Cost | float] = {}
    choice, features, split = plan.choice, plan.networks.features, plan.split
    probe = None
    if plan.samples is not None and isinstance(plan.loaded, LoadedModel):
        probe = _probe(plan.loaded, plan.samples)
        costs |= _sample_costs(plan.loaded, plan, plan.samples, probe)
        if features is not None:
            costs["features"] = Cost(FEATURE, plan.request.count, getattr(costs["samples"], "fresh", 1.0))
            real = [split.baseline, split.reference, *([split.training, split.held_out] if plan.all_training else [])]
            pool = np.unique(np.concatenate(real))
            new = unknown_count(plan.dataset, pool, features)
            costs["features of real images"] = Cost(FEATURE, len(pool), new / len(pool))
    if choice.reconstructs:
        costs |= _reconstruction_costs(plan)
    if choice.metrics:
        costs["scores"] = Cost(DISTANCE, 2 * sum(metric.cost for metric in choice.metrics))
    for analysis in choice.analyses:
        costs[analysis.name] = analysis.cost(plan.request.likelihood_images, plan.request.count, split)
    needed = any(isinstance(c, Cost) and c.kind == FEATURE and c.fresh > 0 for c in costs.values())
    distances = any("features" in m.networks for m in choice.metrics)
    return StageTimer(
        costs, rates(probe, features, plan.dataset, plan.request.count, features=needed, distances=distances)
    )


def sweep_timer(
    loaded: LoadedModel,
    dataset: Dataset,
    pool: np.ndarray,
    requests: Mapping[str, SampleRequest],
    extractor: Extractor,
    store: ResultStore,
) -> StageTimer:
    """The stages of a sampler sweep, three for each of the requests by name, which differ in their sampling
    configuration. If all samples of a request are saved, nothing is left of it."""
    first = next(iter(requests.values()))
    probe = _probe(loaded, first)
    new = unknown_count(dataset, pool, extractor)
    costs: dict[str, Cost | float] = {"features of real images": Cost(FEATURE, len(pool), new / len(pool))}
    for name, request in requests.items():
        fresh = missing_share(loaded, store, request)
        costs[name] = Cost(EVALUATION, request.count * _units(loaded, request, probe), fresh)
        costs[f"{name}: features"] = Cost(FEATURE, request.count, fresh)
        costs[f"{name}: distance"] = Cost(DISTANCE, 1.0, float(fresh > 0))
    return StageTimer(costs, rates(probe, extractor, dataset, first.count, features=True, distances=True))


def rates(
    probe: Probe | None, extractor: Extractor | None, dataset: Dataset, count: int, *, features: bool, distances: bool
) -> dict[str, Rate]:
    """The time per unit of each kind of work; only what is needed is measured."""
    width = extractor.dimensions if extractor is not None else 0
    return {
        EVALUATION: Rate(0.0 if probe is None else probe.evaluation),
        FEATURE: Rate(seconds_per_image(extractor, dataset.spec) if features and extractor is not None else 0.01),
        DISTANCE: Rate(frechet_seconds(width, count) if distances and width else 1.0),
        GRADIENT: Rate(0.0 if probe is None else probe.few, like=EVALUATION),
        OTHER: Rate(1.0),
    }


def frechet_seconds(width: int, count: int) -> float:
    """The time of a Frechet distance of so many features and samples on this machine."""
    from debruit.metrics.frechet import frechet, moments

    x = stream(Purpose.PROBE, 0).normal((2 * PROBE_WIDTH, PROBE_WIDTH)).double().numpy()
    reference, spent = moments(x), []
    for _ in range(3):  # the best counts: load only slows
        start = time.perf_counter()
        frechet(x, reference, network="")
        spent.append(time.perf_counter() - start)
    return min(spent) * (width / PROBE_WIDTH) ** 2 * min(width, count) / PROBE_WIDTH


def describe(timer: StageTimer) -> str:
    """The estimate as text, the longest stages first: "about 3 min 10 s: samples 2 min 00 s, ..."."""
    from debruit.text.wording import duration

    groups: dict[str, float] = {}
    for name in timer.expected:
        groups[_group(name)] = groups.get(_group(name), 0.0) + timer.seconds(name)
    longest = sorted(((seconds, name) for name, seconds in groups.items()), reverse=True)[:SHOWN]
    stages = [
        f"{name} {duration(seconds)}{_images(timer.expected[name]) if name in timer.expected else ''}"
        for seconds, name in longest
        if seconds >= SHOWN_SECONDS
    ]
    saved = any(cost.fresh < 1 for cost in timer.expected.values())
    return (
        f"about {duration(max(timer.left, 1.0))}"
        + (f": {', '.join(stages)}" if stages else "")
        + ("; saved results are reused and not counted" if saved else "")
    )


def _probe(loaded: LoadedModel, request: SampleRequest) -> Probe:
    return sampling_stage.probe(loaded.model, request.conditions, min(request.batch, request.count))


def _units(loaded: LoadedModel, request: SampleRequest, probe: Probe) -> float:
    """The cost of one of the samples in evaluations of the network."""
    config = request.config or loaded.model.settings()
    return probe.units(sampling_stage.evaluations(loaded.model, config, request.conditions))


def _sample_costs(loaded: LoadedModel, plan: Plan, request: SampleRequest, probe: Probe) -> dict[str, Cost | float]:
    each, count = _units(loaded, request, probe), request.count
    share = missing_share(loaded, plan.store, request)
    costs: dict[str, Cost | float] = {"samples": Cost(EVALUATION, count * each, share)}
    if request.conditions.has("mask") and plan.choice.without_mask:
        few = min(count, WITHOUT_MASK)
        again = SampleRequest(
            conditions=request.conditions.without("mask"), count=few, seed=request.seed, batch=request.batch
        )
        costs["samples without the mask"] = Cost(EVALUATION, few * each, missing_share(loaded, plan.store, again))
    return costs


def _reconstruction_costs(plan: Plan) -> dict[str, Cost | float]:
    indices = reconstruction_indices(plan.split, plan.request.count)
    count = len(plan.split.baseline) if plan.samples is not None else sum(map(len, indices))
    costs: dict[str, Cost | float] = {"decoded images": 0.01 * count}
    if plan.choice.needs("features"):
        costs["features of decoded images"] = Cost(FEATURE, count)
    if plan.choice.needs("perceptual"):
        costs["perceptual distances"] = 0.01 * count
    return costs


def _group(name: str) -> str:
    """The name under which stages are summed: those of a sampler sweep by their kind, others by themselves."""
    if not name[:1].isdigit():
        return name
    for kind in ("distance", "features"):
        if name.endswith(kind):
            return f"{kind.removesuffix('s')}s of all settings"
    return "samples of all settings"


def _images(cost: Cost) -> str:
    """The number of images of a stage of features."""
    if cost.kind != FEATURE:
        return ""
    new = round(cost.units * cost.fresh)
    return f" ({cost.units:,.0f} images)" if new == cost.units else f" ({new:,} of {cost.units:,.0f} images)"
