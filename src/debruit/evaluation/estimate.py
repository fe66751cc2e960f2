"""What an evaluation will take, before its first stage: the costs of its stages in units of work, and what a unit takes here and now, by short probes.

Parts that lie on the disk, and features in the cache, are taken off, so that an interrupted evaluation says what is left of it.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from debruit.data.dataset import Dataset
from debruit.evaluation import sampling_stage
from debruit.evaluation.alignment import BARE
from debruit.evaluation.analyses import ODE_COST, STRATA
from debruit.evaluation.image_set import EvalSplit, passages
from debruit.evaluation.loaded import LoadedAutoencoder, LoadedModel
from debruit.evaluation.part_store import Parts
from debruit.evaluation.progress import Cost, Pace, Rate
from debruit.evaluation.protocol import COSTS, Networks
from debruit.evaluation.registry import Choice
from debruit.evaluation.sampling_stage import Probe
from debruit.evaluation.wanted import Wanted
from debruit.judges.features.extractor import Extractor
from debruit.judges.features.network import seconds_per_image
from debruit.judges.features.store import unknown_count
from debruit.sampling.config import SamplingConfig

EVALUATION, FEATURE, DISTANCE, GRADIENT, OTHER = "evaluation", "feature", "distance", "gradient", "other"
PROBE_WIDTH = (
    320  # features of the Frechet distance that is timed; others cost by their square, and by the rank of the samples
)
PRODUCTS_PER_SECOND = 1.5e10  # of two numbers, in distances of all pairs
SHOWN, SHOWN_SECONDS = 5, 1.0  # the longest stages are named, and no shorter ones


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """What a diffusion model's part costs: its probe, what is asked of it, and how samples are drawn."""

    wanted: Wanted
    seed: int
    batch: int
    probe: Probe = field(default_factory=Probe)


def frechet_seconds(width: int, count: int) -> float:
    """What a Frechet distance of so many features and samples takes here and now."""
    from debruit.metrics.frechet import frechet, moments

    x = np.random.default_rng(0).normal(size=(2 * PROBE_WIDTH, PROBE_WIDTH))
    reference, spent = moments(x), []
    for _ in range(3):  # the best counts: load only slows
        start = time.perf_counter()
        frechet(x, reference, network="")
        spent.append(time.perf_counter() - start)
    return min(spent) * (width / PROBE_WIDTH) ** 2 * min(width, count) / PROBE_WIDTH


def rates(
    drawn: Drawn | None, extractor: Extractor | None, dataset: Dataset, count: int, *, features: bool, distances: bool
) -> dict[str, Rate]:
    """What a unit of each kind of work takes, by probes of what is needed."""
    one = 0.0 if drawn is None else drawn.probe.evaluation
    width = extractor.dimensions if extractor is not None else 0
    return {
        EVALUATION: Rate(one),
        FEATURE: Rate(seconds_per_image(extractor, dataset.spec) if features and extractor is not None else 0.01),
        DISTANCE: Rate(frechet_seconds(width, count) if distances and width else 1.0),
        GRADIENT: Rate(0.0 if drawn is None else drawn.probe.few, like=EVALUATION),
        OTHER: Rate(1.0),
    }


def evaluation_pace(
    subject: LoadedModel | LoadedAutoencoder, dataset: Dataset, division: EvalSplit, count: int, choice: Choice, wanted: Wanted | None,
    networks: Networks, parts: Parts, *, seed: int, batch: int, likelihood_images: int, all_training: bool,
) -> Pace:  # fmt: skip
    """The stages of `evaluate`, by the names that it gives them."""
    costs: dict[str, Cost | float] = {}
    drawn, new = None, 0
    if isinstance(subject, LoadedModel) and wanted is not None:
        drawn = Drawn(
            wanted=wanted, seed=seed, batch=batch, probe=sampling_stage.probe(subject.model, wanted, min(batch, count))
        )
        costs |= _samples(subject, parts, count, drawn, choice)
    if networks.features is not None and isinstance(subject, LoadedModel):
        fresh = getattr(costs["samples"], "fresh", 1.0)
        costs["features"] = Cost(FEATURE, count, fresh)
        real = [division.floor, division.reference, *([division.training, division.held_out] if all_training else [])]
        pool = np.unique(np.concatenate(real))
        new = unknown_count(dataset, pool, networks.features)
        costs["features of real images"] = Cost(FEATURE, len(pool), new / len(pool))
    if choice.passages:
        costs |= _passages(subject, division, count, choice)
    if choice.metrics:
        costs["scores"] = Cost(DISTANCE, 2 * sum(COSTS.get(m.name, 0.1) for m in choice.metrics))
    for name in choice.analyses:
        costs[name] = _analysis(name, likelihood_images, division, count)
    needed = any(isinstance(c, Cost) and c.kind == FEATURE and c.fresh > 0 for c in costs.values())
    return Pace(
        costs, rates(drawn, networks.features, dataset, count, features=needed, distances=choice.needs("features"))
    )


def samplers_pace(
    subject: LoadedModel, dataset: Dataset, pool: np.ndarray, count: int, tried: Mapping[str, SamplingConfig], extractor: Extractor, parts: Parts, *,
    wanted: Wanted, seed: int, batch: int,
) -> Pace:  # fmt: skip
    """The stages of `samplers`, three for each of the settings by name; of a setting whose samples are all on the disk, nothing is left."""
    drawn = Drawn(
        wanted=wanted, seed=seed, batch=batch, probe=sampling_stage.probe(subject.model, wanted, min(batch, count))
    )
    real = unknown_count(dataset, pool, extractor)
    costs: dict[str, Cost | float] = {"features of real images": Cost(FEATURE, len(pool), real / len(pool))}
    for name, settings in tried.items():
        each = drawn.probe.units(sampling_stage.evaluations(subject.model, settings, wanted))
        fresh = sampling_stage.missing_share(
            subject, parts, count, wanted=wanted, seed=seed, batch=batch, settings=settings
        )
        costs[name] = Cost(EVALUATION, count * each, fresh)
        costs[f"{name}: features"] = Cost(FEATURE, count, fresh)
        costs[f"{name}: distance"] = Cost(DISTANCE, 1.0, float(fresh > 0))
    return Pace(costs, rates(drawn, extractor, dataset, count, features=real > 0 or count > 0, distances=True))


def _samples(subject: LoadedModel, parts: Parts, count: int, drawn: Drawn, choice: Choice) -> dict[str, Cost | float]:
    each = drawn.probe.units(sampling_stage.evaluations(subject.model, subject.model.settings(), drawn.wanted))

    def share(n: int, wanted: Wanted) -> float:
        return sampling_stage.missing_share(subject, parts, n, wanted=wanted, seed=drawn.seed, batch=drawn.batch)

    costs: dict[str, Cost | float] = {"samples": Cost(EVALUATION, count * each, share(count, drawn.wanted))}
    if drawn.wanted.has("mask") and (choice.needs("segments") or choice.needs("scorer")):
        bare = min(count, BARE)
        costs["samples without the mask"] = Cost(EVALUATION, bare * each, share(bare, drawn.wanted.without("mask")))
    return costs


def _passages(
    subject: LoadedModel | LoadedAutoencoder, division: EvalSplit, count: int, choice: Choice
) -> dict[str, Cost | float]:
    images = len(division.floor) if isinstance(subject, LoadedModel) else sum(map(len, passages(division, count)))
    costs: dict[str, Cost | float] = {"decoded images": 0.01 * images}
    if choice.needs("features"):
        costs["features of decoded images"] = Cost(FEATURE, images)
    if choice.needs("distances"):
        costs["perceptual distances"] = 0.01 * images
    return costs


def _analysis(name: str, images: int, division: EvalSplit, count: int) -> Cost | float:
    if name in ("bound", "latent-bound"):
        return Cost(GRADIENT, 2 * images * STRATA)
    if name == "likelihood":
        return Cost(GRADIENT, 2 * images * ODE_COST)
    if name == "memorisation":
        return 2.0 + len(division.training) * (count + len(division.held_out)) * 1024 / PRODUCTS_PER_SECOND
    return 2.0


def in_words(pace: Pace) -> str:
    """ "about 3 min 10 s: samples 2 min 00 s, features of real images 50 s (7,000 of 12,000 to compute), ..."; the longest first."""
    from debruit.text.wording import duration

    together: dict[str, float] = {}
    for name in pace.expected:
        together[_together(name)] = together.get(_together(name), 0.0) + pace.seconds(name)
    longest = sorted(((seconds, name) for name, seconds in together.items()), reverse=True)[:SHOWN]
    said = [
        f"{name} {duration(seconds)}{_counted(pace.expected[name]) if name in pace.expected else ''}"
        for seconds, name in longest
        if seconds >= SHOWN_SECONDS
    ]
    kept = any(cost.fresh < 1 for cost in pace.expected.values())
    return (
        f"about {duration(max(pace.left, 1.0))}"
        + (f": {', '.join(said)}" if said else "")
        + ("; what was computed before is kept and counted out" if kept else "")
    )


def _together(name: str) -> str:
    """Under which name a stage is summed: those of the settings of `samplers` by what is done, others by themselves."""
    if not name[:1].isdigit():
        return name
    return f"{name.rpartition(': ')[2]}s of all settings" if name.endswith("distance") else (
        "features of all settings" if name.endswith("features") else "samples of all settings"
    )  # fmt: skip


def _counted(cost: Cost) -> str:
    """How many images a stage of features looks at."""
    if cost.kind != FEATURE:
        return ""
    new = round(cost.units * cost.fresh)
    return f" ({cost.units:,.0f} images)" if new == cost.units else f" ({new:,} of {cost.units:,.0f} images)"
