"""Likelihood of training and held-out images: by the bound of a chain, on pixels or latents, and by the ODE."""

from collections.abc import Generator
from dataclasses import asdict, dataclass, replace
from typing import Any, ClassVar, Literal

import numpy as np

from debruit.data.subset import shuffled
from debruit.evaluation.analyses.analysis import Analysis, AnalysisTask, Result
from debruit.evaluation.likelihood import Bits, Likelihoods, Method, measure, unmet_bound
from debruit.evaluation.nll import curve, scores
from debruit.evaluation.progress import Cost
from debruit.evaluation.requirements import Context, Requirement, diffusion, every_time
from debruit.evaluation.splits import EvalSplit
from debruit.models.loaded import LoadedModel
from debruit.rng import Purpose

BATCH = 8  # images per saved result: seconds of work
ODE_STEPS, STRATA = 20, 64
ODE_COST = 3 * (6 * ODE_STEPS + 1)  # evaluations of the network per image, each with a gradient
GRADIENT = "gradient"  # kind of work


def pixel_bound(context: Context) -> str:
    return unmet_bound(context.model, "bound")


def latent_bound(context: Context) -> str:
    return unmet_bound(context.model, "latent-bound")


class _Likelihood(Analysis):
    """The code that the three measures share."""

    method: ClassVar[Method]

    def total(self, task: AnalysisTask) -> float:
        return sum(map(len, _images(task)))

    def run(self, task: AnalysisTask) -> Generator[float, None, Result]:
        """In batches of training and held-out images, each of which is saved."""
        training, held_out = _images(task)
        parts: list[Likelihoods] = []
        for start in range(0, max(len(training), len(held_out)), BATCH):
            batch = [indices[start : start + BATCH] for indices in (training, held_out)]
            key = [
                task.loaded.digest,
                task.dataset.spec.fingerprint,
                self.method,
                task.seed,
                ODE_STEPS,
                STRATA,
                *(indices.tolist() for indices in batch),
            ]
            make = lambda: _saved(_measure(task, self.method, *batch))  # noqa: B023, E731
            saved = task.store.get_or_make("likelihood", key, make)
            parts.append(_loaded(saved))
            yield sum(part.done for part in parts)
        whole = replace(_joined(parts), own=task.split.own)
        sides = {"train": whole.train, "held_out": whole.held_out}
        return {
            "scores": [asdict(s) for s in scores(whole)],
            "condition": whole.condition,
            "unit": whole.unit,
            "images": {name: 0 if bits is None else len(bits) for name, bits in sides.items()},
            "curves": {name: _curve(whole, name) for name in ("train", "held_out")},
        }


@dataclass(frozen=True)
class Bound(_Likelihood):
    """The variational bound of a chain on pixels."""

    name: ClassVar[str] = "bound"
    method: ClassVar[Method] = "bound"
    requires: ClassVar[tuple[Requirement, ...]] = (diffusion, every_time, pixel_bound)
    position: ClassVar[float] = 10

    def cost(self, images: int, samples: int, split: EvalSplit) -> Cost | float:
        return Cost(GRADIENT, 2 * images * STRATA)


@dataclass(frozen=True)
class LatentBound(_Likelihood):
    """The variational bound of the density of latents."""

    name: ClassVar[str] = "latent-bound"
    method: ClassVar[Method] = "latent-bound"
    requires: ClassVar[tuple[Requirement, ...]] = (diffusion, every_time, latent_bound)
    position: ClassVar[float] = 20

    def cost(self, images: int, samples: int, split: EvalSplit) -> Cost | float:
        return Cost(GRADIENT, 2 * images * STRATA)


@dataclass(frozen=True)
class Likelihood(_Likelihood):
    """The likelihood by the probability-flow ODE."""

    name: ClassVar[str] = "likelihood"
    method: ClassVar[Method] = "likelihood"
    requires: ClassVar[tuple[Requirement, ...]] = (diffusion, every_time)
    position: ClassVar[float] = 30

    def cost(self, images: int, samples: int, split: EvalSplit) -> Cost | float:
        return Cost(GRADIENT, 2 * images * ODE_COST)


def _images(task: AnalysisTask) -> list[np.ndarray]:
    """Training and held-out images, chosen by the seed."""
    return [
        shuffled(s, Purpose.ANALYSIS_IMAGES, task.seed, most=task.images)
        for s in (task.split.training, task.split.held_out)
    ]


def _measure(task: AnalysisTask, method: Method, training: np.ndarray, held_out: np.ndarray) -> Likelihoods:
    assert isinstance(task.loaded, LoadedModel)
    *_, last = measure(
        task.loaded.model,
        task.dataset,
        training=training,
        held_out=held_out,
        method=method,
        count=BATCH,
        batch=BATCH,
        seed=task.seed,
        steps=ODE_STEPS,
        strata=STRATA,
    )
    return last


def _curve(result: Likelihoods, side: Literal["train", "held_out"]) -> dict[str, list[float]] | None:
    points = curve(result, side)
    return None if points is None else {name: np.asarray(values).tolist() for name, values in asdict(points).items()}


def _saved(result: Likelihoods) -> dict[str, Any]:
    """A record of arrays and JSON values for the store."""
    record = {name: getattr(result, name) for name in ("done", "total", "method", "condition", "unit", "own")}
    record["strata"] = [[s.start, s.stop] for s in result.strata]
    return record | {
        name: bits and asdict(bits) for name, bits in (("train", result.train), ("held_out", result.held_out))
    }


def _loaded(record: dict[str, Any]) -> Likelihoods:
    values: dict[str, Any] = {name: record[name] and Bits(**record[name]) for name in ("train", "held_out")}
    values["strata"] = tuple(range(*pair) for pair in record["strata"])
    return Likelihoods(**(record | values))


def _joined(parts: list[Likelihoods]) -> Likelihoods:
    def join(name: str) -> Bits | None:
        batches = [bits for part in parts if (bits := getattr(part, name)) is not None]
        if not batches:
            return None
        return Bits(**{f: np.concatenate([getattr(b, f) for b in batches]) for f in ("total", "terms", "error")})

    done = sum(part.done for part in parts)
    return replace(parts[0], train=join("train"), held_out=join("held_out"), done=done, total=done)
