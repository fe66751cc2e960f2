"""Comparison of several models on the same data: the same seeds, reference and networks; differences to the first model
are paired by image."""

import contextvars
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from debruit import events
from debruit.conditioning.base import keyword
from debruit.conditioning.items import classes
from debruit.data.dataset import Dataset
from debruit.data.split import split_of_model
from debruit.errors import InputError
from debruit.evaluation.conditions import sample_conditions
from debruit.evaluation.image_set import REFERENCE, SAMPLES
from debruit.evaluation.pipeline import evaluate, find_split
from debruit.evaluation.registry import choose, metrics
from debruit.evaluation.result import Evaluation, Request
from debruit.evaluation.result_store import ResultStore
from debruit.evaluation.scores.metric import Metric
from debruit.evaluation.splits import EvalSplit
from debruit.metrics import paired
from debruit.metrics.paired import Difference
from debruit.models.loaded import LoadedModel, describe
from debruit.models.model_file import model_file

Arrays = dict[str, np.ndarray]  # by score label


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """The evaluations, in the order given, and for each of them its differences to the first by score label ({} for the
    first itself)."""

    evaluations: tuple[Evaluation, ...]
    differences: tuple[dict[str, Difference], ...]


def check_metrics(names: Sequence[str]) -> None:
    """InputError if one of them is an analysis or a metric of an autoencoder: these have no contributions by sample,
    take minutes per model or depend on its data."""
    known = [name for metric in _of_samples() for name in (metric.name, *metric.gives)]
    wrong = [name for name in names if name not in known]
    if wrong:
        raise InputError(
            f"--metrics {','.join(wrong)}: this describes one model, and `debruit evaluate` measures it model by "
            f"model; compare takes scores of samples: {', '.join(known)}"
        )


def check(models: Sequence[LoadedModel]) -> None:
    """InputError unless there are two or more, each once."""
    if len(models) < 2:
        raise InputError(f"{len(models)} model given: name two or more to compare, or use `debruit evaluate` for one")
    if len({_path(m.name) for m in models}) < len(models):
        raise InputError(f"a model is named twice in {', '.join(m.name for m in models)}: give each once")


def check_together(models: Sequence[LoadedModel], dataset: Dataset, request: Request, split: EvalSplit) -> None:
    """InputError if one of the models cannot be compared with the others on this data, or does not meet the
    requirements of a metric requested by name. Reports how many of the images that count as unseen another model was
    trained on."""
    first = models[0]
    for other in models[1:]:
        ours, theirs = first.data, other.data
        if (ours.shape, ours.depth) != (theirs.shape, theirs.depth):
            raise InputError(
                f"{first.name} draws images of {describe(ours)} and {other.name} of {describe(theirs)}: compare "
                "models of one size, channels and depth"
            )
        _check_classes(first, other)
    for one in models:
        one.check_data(dataset.spec)
        sample_conditions(one.model, dataset, split)
        try:
            choose(request.metrics, one, dataset.spec, split, request.count)
        except InputError as error:
            raise InputError(f"{one.name}: {error}") from None
    unseen = split.scored if split.own else split.baseline[:0]
    for other in models[1:]:
        about = other.provenance
        if about.get("data_fingerprint") == dataset.spec.fingerprint and len(unseen):
            training = split_of_model(dataset, about).train
            if seen := int(np.isin(unseen, training).sum()):
                events.say(
                    f"{other.name} was trained on {seen:,} of the {len(unseen):,} images that were held out of "
                    f"{first.name}'s training and count as unseen: it has an advantage there; trainings with the same "
                    "seed hold out the same images"
                )


def prepare(
    models: Sequence[LoadedModel], dataset: Dataset, request: Request, training: Dataset | None = None
) -> EvalSplit:
    """The split of the data for all models, after every check. InputError: models that cannot be compared."""
    check(models)
    check_metrics(request.metrics)
    split = find_split(models[0], dataset, request.count, training, request.reference)
    check_together(models, dataset, request, split)
    return split


def compare(
    models: Sequence[LoadedModel],
    dataset: Dataset,
    request: Request,
    stores: Sequence[ResultStore],
    *,
    training: Dataset | None = None,
    split: EvalSplit | None = None,
) -> Comparison:
    """Evaluate the models, each with its own store of results, and compare them with the first.

    `training` is that of `evaluate`, for the first model; `split` is the result of `prepare`, if it was called before.
    InputError: as `prepare`.
    """
    split = split or prepare(models, dataset, request, training)
    request = replace(request, metrics=request.metrics or tuple(shared(models, dataset, request, split)))
    evaluations: list[Evaluation] = []
    for k, (one, store) in enumerate(zip(models, stores, strict=True)):
        usual = sum(e.seconds for e in evaluations) / k if k else 0.0
        with events.listen(_of_one(one.name, k, len(models), usual)):
            evaluations.append(evaluate(one, dataset, request, store, split=split))
    chosen = [m for m in metrics() if {m.name, *m.gives} & set(request.metrics)]
    spreads = []
    for k, (one, store) in enumerate(zip(evaluations, stores, strict=True)):
        events.progress(f"differences, {one.loaded.name}", k, len(evaluations), eta=0.0, share=1.0)
        spreads.append({m.name: contributions(m, one, store) for m in chosen})
    rest = zip(evaluations[1:], spreads[1:], strict=True)
    differences = [_differences(chosen, evaluations[0], other, spreads[0], spread) for other, spread in rest]
    return Comparison(evaluations=tuple(evaluations), differences=({}, *differences))


def shared(models: Sequence[LoadedModel], dataset: Dataset, request: Request, split: EvalSplit) -> list[str]:
    """The metrics, without analyses, that apply to all of the models."""
    applicable = [{m.name for m in choose((), one, dataset.spec, split, request.count).metrics} for one in models]
    return [m.name for m in _of_samples() if all(m.name in names for names in applicable)]


def contributions(metric: Metric, evaluation: Evaluation, store: ResultStore) -> Arrays:
    """Arrays of one model for the intervals of differences, by score label."""
    images, reference = evaluation.sets[SAMPLES], evaluation.sets[REFERENCE]
    key = [evaluation.loaded.digest, evaluation.key, metric.name]
    return store.get_or_make("contributions", key, lambda: _by_label(metric.contributions(images, reference)))


def _by_label(arrays) -> Arrays:
    return {label: np.asarray(array) for label, array in arrays.items()}


def _of_samples() -> list[Metric]:
    return [m for m in metrics() if m.compares == "samples"]


def _differences(
    chosen: Sequence[Metric], first: Evaluation, other: Evaluation, a: dict[str, Arrays], b: dict[str, Arrays]
) -> dict[str, Difference]:
    """By score label; a score that one of the two does not have has no difference."""
    values = {s.label: s for s in first.scores}
    differences = {}
    for metric in chosen:
        for score in other.scores:
            ours, theirs = b[metric.name].get(score.label), a[metric.name].get(score.label)
            if ours is None or theirs is None or score.label not in values:
                continue
            value = score.value - values[score.label].value
            if metric.pairing == "pairs":
                differences[score.label] = paired.over_pairs(value, ours, theirs, better=score.better)
            else:
                interval = paired.paired if metric.pairing == "samples" else paired.jackknife
                differences[score.label] = interval(value, ours - theirs, better=score.better)
    return differences


def _of_one(name: str, done: int, models: int, usual: float) -> events.Listener:
    """A listener that reports the progress of one model as part of the whole: under its name, the models to come
    counted as long as the `usual` one, or as the first is estimated."""
    outside = contextvars.copy_context()

    def pass_on(event: events.Event) -> None:
        nonlocal usual
        if event.total is not None:
            eta = event.eta or 0.0
            usual = usual or eta
            share = (done + event.values.get("share", 0.0)) / models  # each model counts as much
            event = replace(
                event,
                stage=f"{name}: {event.stage}",
                eta=eta + (models - done - 1) * usual,
                values={**event.values, "share": share},
            )
        outside.run(events.emit, event)

    return pass_on


def _check_classes(first: LoadedModel, other: LoadedModel) -> None:
    """InputError if two models have the same condition with other classes."""
    for c in first.model.config.conditioners:
        shared = any(d.name == c.name for d in other.model.config.conditioners)
        ours, theirs = (set(classes(one.model.config.data, c.item)) for one in (first, other))
        if shared and ours != theirs:
            odd = ", ".join(sorted(ours ^ theirs)[:4])
            raise InputError(
                f"{first.name} and {other.name} have different classes of their {keyword(c)}s (only one of "
                f"them has {odd}), so the same cannot be requested of both: compare models of the same classes"
            )


def _path(name: str) -> str:
    """The path of a model's file, whatever way it is named."""
    try:
        return str(model_file(name).resolve())
    except InputError:
        return name
