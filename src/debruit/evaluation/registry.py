"""The metrics and analyses, and which of them apply to a model and its data.

A metric that does not apply is left out of the report with the reason, unless it was requested by name.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from debruit.errors import InputError, unknown
from debruit.evaluation.analyses.analysis import Analysis
from debruit.evaluation.requirements import Context, codec, diffusion
from debruit.evaluation.scores.metric import Metric
from debruit.evaluation.splits import EvalSplit
from debruit.images.spec import DataSpec
from debruit.metrics.score import Score
from debruit.models.loaded import LoadedAutoencoder, LoadedModel
from debruit.seams import with_defaults


def metrics() -> tuple[Metric, ...]:
    """All metrics, of the package `scores` and registered ones, in the order of the report."""
    return tuple(sorted(with_defaults(Metric).values(), key=lambda m: (m.position, m.name)))


def analyses() -> tuple[Analysis, ...]:
    """All analyses, of the package `analyses` and registered ones, in the order of the report."""
    return tuple(sorted(with_defaults(Analysis).values(), key=lambda a: (a.position, a.name)))


@dataclass(frozen=True)
class Choice:
    """The metrics and analyses of an evaluation. `requested` are the names that were given, () for all; `left_out`
    lists names with the reason."""

    metrics: tuple[Metric, ...]
    analyses: tuple[Analysis, ...]
    requested: tuple[str, ...]
    left_out: tuple[tuple[str, str], ...]

    def needs(self, network: str) -> bool:
        """Whether a metric or an analysis needs this network."""
        return any(network in entry.networks for entry in (*self.metrics, *self.analyses))

    @property
    def without_mask(self) -> bool:
        """Whether samples without the mask are measured."""
        return any(metric.without_mask for metric in self.metrics)

    @property
    def reconstructs(self) -> bool:
        """Whether images must be encoded and decoded."""
        return any(m.compares == "reconstructions" for m in self.metrics) or any(a.reconstructs for a in self.analyses)

    @property
    def all_training(self) -> bool:
        """Whether features of all training images are used."""
        return any(a.all_training for a in self.analyses)

    def select(self, metric: Metric, scores: Sequence[Score]) -> list[Score]:
        """The requested scores of a metric: all, unless only some of them were named."""
        whole = not self.requested or metric.name in self.requested
        return [s for s in scores if whole or s.name in self.requested]


def parse(text: str | None) -> tuple[str, ...]:
    """The names of `--metrics a,b`; () means every metric that applies. InputError names the nearest for a misspelt
    one."""
    names = tuple(part.strip().lower().replace("_", "-") for part in (text or "").split(",") if part.strip())
    known = {name for metric in metrics() for name in (metric.name, *metric.gives)} | {a.name for a in analyses()}
    for name in names:
        if name not in known:
            raise unknown("metric", name, known)
    if text is not None and not names:
        raise InputError("--metrics names none: give one or more of " + ", ".join(sorted(known)))
    return names


def choose(
    names: Sequence[str],
    loaded: LoadedModel | LoadedAutoencoder,
    spec: DataSpec,
    split: EvalSplit,
    count: int,
    only: tuple[str, ...] | None = None,
) -> Choice:
    """The metrics and analyses of these names (all if there are none) that apply to `count` samples with the conditions
    `only` (None: all). InputError if one that was requested by name does not."""
    context, left_out = Context(loaded, spec, split, only), []
    chosen_metrics, chosen_analyses = [], []
    for metric in metrics():
        if _chosen((metric.name, *metric.gives), names, _unmet_metric(metric, context, count), left_out):
            chosen_metrics.append(metric)
    for analysis in analyses():
        if _chosen((analysis.name,), names, _unmet(analysis.requires, context), left_out):
            chosen_analyses.append(analysis)
    return Choice(tuple(chosen_metrics), tuple(chosen_analyses), tuple(names), tuple(left_out))


def _chosen(own: Sequence[str], names: Sequence[str], reason: str, left_out: list[tuple[str, str]]) -> bool:
    """Whether an entry with these names of its own is measured; if not, for a reason, it is added to `left_out`."""
    requested = [name for name in own if name in names]
    if names and not requested:
        return False
    if reason and requested:
        raise InputError(f"--metrics {requested[0]}: {reason}")
    if reason:
        left_out.append((own[0], reason))
    return not reason


def _unmet_metric(metric: Metric, context: Context, count: int) -> str:
    """Why this metric cannot be measured; "" if it can."""
    needs = diffusion if metric.compares == "samples" else codec
    if reason := _unmet((needs, *metric.requires), context):
        return reason
    if count < metric.least:
        return f"it needs at least {metric.least} samples, and -n is {count}"
    reference, name = len(context.split.reference), context.spec.name
    if metric.compares == "samples" and reference < metric.least:
        return f"it needs at least {metric.least} images to compare with, and {name} leaves {reference}"
    return ""


def _unmet(requires: Sequence, context: Context) -> str:
    return next((reason for requirement in requires if (reason := requirement(context))), "")
