"""What can be measured: one small object a metric, in the order of the report.

A metric compares a side (the samples, or real images in their place) with the reference; the same function makes its row for both. A further
one, for masks or captions say, is one entry here and its function in metrics/; an entry whose needs a model or its data does not meet is
left out of the report, with the reason, unless it was asked for by name.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from debruit.autoencoders.pixels import Pixels
from debruit.data.dataset import DataSpec
from debruit.diffusion.processes.tabulated import Tabulated
from debruit.errors import InputError, unknown
from debruit.evaluation.score import Score
from debruit.evaluation.sides import Division, Side, asked_classes
from debruit.evaluation.subject import Subject

NEIGHBOURS = 5  # of the manifold metrics, as Naeem et al. 2020


@dataclass(frozen=True, kw_only=True)
class Metric:
    """`name` is the whole, `gives` the names of several scores: `--metrics` takes either. `needs` are keys of NEEDS; those of its networks,
    "features" and "logits", are met by every model. It takes at least `least` images on both sides. `compute`(side, reference) -> scores."""

    name: str
    gives: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    least: int = 2
    compute: Callable[[Side, Side], list[Score]]


@dataclass(frozen=True, kw_only=True)
class Analysis:
    """What has its own part of the report instead of a row for real images: likelihood, memorisation, the loss by timestep."""

    name: str
    needs: tuple[str, ...] = ()
    gives: ClassVar[tuple[str, ...]] = ()


def _frechet(side: Side, reference: Side) -> list[Score]:
    from debruit.evaluation.metrics.frechet import frechet

    return [frechet(side.features, reference.features, network=side.network)]


def _frechet_unbiased(side: Side, reference: Side) -> list[Score]:
    from debruit.evaluation.metrics.frechet import frechet_unbiased

    return [frechet_unbiased(side.features, reference.features, network=side.network)]


def _kid(side: Side, reference: Side) -> list[Score]:
    from debruit.evaluation.metrics.kernel import kid

    return [kid(side.features, reference.features, network=side.network)]


def _manifold(side: Side, reference: Side) -> list[Score]:
    from debruit.evaluation.metrics.manifold import manifold

    alike = reference.features[: len(side)]  # these depend on the number of points of both sets
    return manifold(side.features, alike, network=side.network, neighbours=NEIGHBOURS)


def _accuracy(side: Side, reference: Side) -> list[Score]:
    from debruit.evaluation.metrics.classes import class_accuracy

    return [class_accuracy(side.logits, side.labels, network=side.classifier)]


def _accuracy_by_class(side: Side, reference: Side) -> list[Score]:
    from debruit.evaluation.metrics.classes import accuracy_by_class

    return accuracy_by_class(side.logits, side.labels, network=side.classifier, names=side.spec.class_names)


def _conditional_entropy(side: Side, reference: Side) -> list[Score]:
    from debruit.evaluation.metrics.classes import conditional_entropy

    return [conditional_entropy(side.logits, network=side.classifier)]


def _inception_score(side: Side, reference: Side) -> list[Score]:
    from debruit.evaluation.metrics.classes import inception_score

    return [inception_score(side.logits, network=side.classifier)]


def _diversity(side: Side, reference: Side) -> list[Score]:
    from debruit.evaluation.metrics.diversity import diversity

    return [diversity(side.images, side.spec)]


def _class_diversity(side: Side, reference: Side) -> list[Score]:
    from debruit.evaluation.metrics.diversity import diversity

    if side.labels is None or np.unique(side.labels, return_counts=True)[1].max() < 2:
        return []
    return [diversity(side.images, side.spec, labels=side.labels)]


def _colour(side: Side, reference: Side) -> list[Score]:
    from debruit.evaluation.metrics.colour import channel_moments, colour_shift

    return colour_shift(channel_moments(side.images, side.spec), channel_moments(reference.images, side.spec))


FEWEST_OF_CLASS = 4  # images of a class on average: the classifier needs two of each, and holds some out
METRICS: tuple[Metric, ...] = (
    Metric(name="frechet", needs=("features",), compute=_frechet),
    Metric(name="frechet-unbiased", needs=("features",), least=8, compute=_frechet_unbiased),
    Metric(name="kid", needs=("features",), compute=_kid),
    Metric(
        name="manifold", gives=("precision", "recall", "density", "coverage"), needs=("features",), least=NEIGHBOURS + 1, compute=_manifold
    ),
    Metric(name="accuracy", needs=("labels", "asked", "logits"), compute=_accuracy),
    Metric(name="conditional-entropy", needs=("labels", "logits"), compute=_conditional_entropy),
    Metric(name="inception-score", needs=("labels", "logits"), compute=_inception_score),
    Metric(name="accuracy-by-class", needs=("labels", "asked", "logits"), compute=_accuracy_by_class),
    Metric(name="diversity", compute=_diversity),
    Metric(name="class-diversity", needs=("labels", "asked"), compute=_class_diversity),
    Metric(name="colour", compute=_colour),
)  # fmt: skip
ANALYSES: tuple[Analysis, ...] = (
    Analysis(name="bound", needs=("chain", "bits")),
    Analysis(name="likelihood"),
    Analysis(name="memorisation", needs=("own",)),
    Analysis(name="loss", needs=("log",)),
)


def _labels(subject: Subject, spec: DataSpec, division: Division) -> str:
    if not spec.class_names:
        return f"{spec.name} has no class labels: put its images into subfolders, one a class"
    few = spec.count < FEWEST_OF_CLASS * len(spec.class_names)
    return f"{spec.count} images in {len(spec.class_names)} classes are too few for a classifier" if few else ""


def _asked(subject: Subject, spec: DataSpec, division: Division) -> str:
    if not any(c.field == "label" for c in subject.model.config.conditioners):
        return "this model was trained without classes, so none can be asked of it"
    return "" if asked_classes(subject.model, spec) is not None else f"the model's classes are not those of {spec.name}"


def _chain(subject: Subject, spec: DataSpec, division: Division) -> str:
    process = subject.model.config.process
    return "" if isinstance(process, Tabulated) else (
        f"the bound is a sum over the steps of a chain, and this model's process is {type(process).__name__}: "
        "ask for likelihood, that of the probability-flow ODE, which any process has"
    )  # fmt: skip


def _bits(subject: Subject, spec: DataSpec, division: Division) -> str:
    config = subject.model.config
    fits = isinstance(config.codec, Pixels) and config.data.depth == "uint8"
    return "" if fits else "bits/dim count the values of 8-bit pixels, and this model's are others"


def _own(subject: Subject, spec: DataSpec, division: Division) -> str:
    return "" if division.own else (
        f"{spec.name} is not the data that the model was trained on ({subject.model.config.data.name}), in which copies would be found"
    )  # fmt: skip


def _log(subject: Subject, spec: DataSpec, division: Division) -> str:
    return "" if subject.log is not None else "only a run folder holds the log of its training"


NEEDS: dict[str, Callable[[Subject, DataSpec, Division], str]] = {
    "labels": _labels, "asked": _asked, "chain": _chain, "bits": _bits, "own": _own, "log": _log,
}  # fmt: skip


@dataclass(frozen=True)
class Choice:
    """What will be measured: metrics and analyses; `asked` are the names that were given (() for all); `left_out` says what not, and why."""

    metrics: tuple[Metric, ...]
    analyses: tuple[str, ...]
    asked: tuple[str, ...]
    left_out: tuple[tuple[str, str], ...]

    def needs(self, what: str) -> bool:
        return any(what in m.needs for m in self.metrics)

    def shown(self, metric: Metric, scores: Sequence[Score]) -> list[Score]:
        """Of a metric's scores those that were asked for: all, unless only some of them were named."""
        whole = not self.asked or metric.name in self.asked
        return [s for s in scores if whole or s.name in self.asked]


def parse(text: str | None) -> tuple[str, ...]:
    """The names of `--metrics a,b`; () is every metric that applies. InputError names the nearest for a misspelt one."""
    names = tuple(part.strip().lower().replace("_", "-") for part in (text or "").split(",") if part.strip())
    known = {name for entry in (*METRICS, *ANALYSES) for name in (entry.name, *entry.gives)}
    for name in names:
        if name not in known:
            raise unknown("metric", name, known)
    if text is not None and not names:
        raise InputError("--metrics names none: give one or more of " + ", ".join(sorted(known)))
    return names


def choose(names: Sequence[str], subject: Subject, spec: DataSpec, division: Division, count: int) -> Choice:
    """What of these names (all when there are none) can be measured of `count` samples; InputError if one was asked for that cannot."""
    metrics, analyses, left_out = [], [], []
    for entry in (*METRICS, *ANALYSES):
        asked = [name for name in (entry.name, *entry.gives) if name in names]
        if names and not asked:
            continue
        reason = next((r for need in entry.needs if need in NEEDS and (r := NEEDS[need](subject, spec, division))), "")
        if isinstance(entry, Metric) and count < entry.least:
            reason = f"it needs at least {entry.least} samples, and -n is {count}"
        elif isinstance(entry, Metric) and len(division.reference) < entry.least:
            reason = f"it needs at least {entry.least} images to compare with, and {spec.name} leaves {len(division.reference)}"
        if reason and asked:
            raise InputError(f"--metrics {asked[0]}: {reason}")
        if reason:
            left_out.append((entry.name, reason))
        elif isinstance(entry, Metric):
            metrics.append(entry)
        else:
            analyses.append(entry.name)
    return Choice(tuple(metrics), tuple(analyses), tuple(names), tuple(left_out))
