"""Several models side by side: the same seeds, the same reference, the same network; each difference to the first one paired by image."""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from debruit import events
from debruit.conditioning.batch import argument
from debruit.data.dataset import Dataset
from debruit.data.split import split_of_model
from debruit.errors import InputError
from debruit.evaluation.image_set import EvalSplit, ImageSet, check_data, in_words
from debruit.evaluation.loaded import LoadedModel
from debruit.evaluation.part_store import Parts
from debruit.evaluation.pipeline import Evaluation, Request, divided, evaluate
from debruit.evaluation.progress import Progress
from debruit.evaluation.protocol import REFERENCE, SAMPLES
from debruit.evaluation.registry import METRICS, Metric, choose
from debruit.evaluation.wanted import want
from debruit.metrics import paired
from debruit.metrics.paired import Difference
from debruit.models.model_file import model_file

FIRST_ORDER = ("frechet", "frechet-unbiased")  # scores whose contributions by sample are known
OVER_PAIRS = ("diversity", "class-diversity")  # means over pairs of samples


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """The evaluations, in the order given, and for each of them its differences to the first by score label ({} for the first itself)."""

    evaluations: tuple[Evaluation, ...]
    differences: tuple[dict[str, Difference], ...]


def check_metrics(names: Sequence[str]) -> None:
    """InputError if one of them is an analysis or of an autoencoder: those have no contributions by sample, take minutes a model or depend on its
    own data."""
    of_samples = [m for m in METRICS if m.of == "images"]
    known = {name for m in of_samples for name in (m.name, *m.gives)}
    wrong = [name for name in names if name not in known]
    if wrong:
        scores = ", ".join(name for m in of_samples for name in (m.name, *m.gives))
        raise InputError(
            f"--metrics {','.join(wrong)}: a figure of one model, which `debruit evaluate` measures model by model; compare takes scores of "
            f"samples: {scores}"
        )


def check(subjects: Sequence[LoadedModel]) -> None:
    """InputError unless there are two or more, each once."""
    if len(subjects) < 2:
        raise InputError(f"{len(subjects)} model given: name two or more to compare, or use `debruit evaluate` for one")
    if len({_place(s.name) for s in subjects}) < len(subjects):
        raise InputError(f"a model is named twice in {', '.join(s.name for s in subjects)}: give each once")


def _place(name: str) -> str:
    """Where the file of a model lies, whatever way it is named."""
    try:
        return str(model_file(name).resolve())
    except InputError:
        return name


def check_together(
    subjects: Sequence[LoadedModel],
    dataset: Dataset,
    request: Request,
    division: EvalSplit,
    say: Callable[[str], None] = events.say,
) -> None:
    """InputError where one of the models cannot be compared with the others on this data, or has not what a metric needs that was asked for by name.
    Says how many of the images that count as unseen another model was trained on."""
    first = subjects[0]
    for other in subjects[1:]:
        ours, theirs = first.data, other.data
        if (ours.shape, ours.depth) != (theirs.shape, theirs.depth):
            raise InputError(
                f"{first.name} draws images of {in_words(ours)} and {other.name} of {in_words(theirs)}: compare models of one size, channels and depth"
            )
        _check_names(first, other)
    for subject in subjects:
        check_data(subject.model, dataset.spec)
        want(subject.model, dataset, division)
        try:
            choose(request.metrics, subject, dataset.spec, division, request.count)
        except InputError as error:
            raise InputError(f"{subject.name}: {error}") from None
    unseen = division.judged if division.own else division.floor[:0]
    for other in subjects[1:]:
        about = other.provenance
        if about.get("data_fingerprint") == dataset.spec.fingerprint and len(unseen):
            training = split_of_model(dataset, about).training
            if seen := int(np.isin(unseen, training).sum()):
                say(
                    f"{other.name} was trained on {seen:,} of the {len(unseen):,} images that were held out of {first.name}'s training and stand for unseen "
                    "ones: it has an advantage there; trainings of the same seed hold out the same images"
                )


def _check_names(first: LoadedModel, other: LoadedModel) -> None:
    """InputError where two models have the same condition with other classes."""
    for c in first.model.config.conditioners:
        twin = next((d for d in other.model.config.conditioners if d.field == c.field), None)
        ours, theirs = (set(getattr(x, "names", ())) for x in (c, twin))
        if twin is not None and ours != theirs:
            odd = ", ".join(sorted(ours ^ theirs)[:4])
            raise InputError(
                f"{first.name} and {other.name} know other classes of their {argument(c.field)}s (only one of them has {odd}), so they cannot be asked for "
                "the same: compare models of the same classes"
            )


def prepared(
    subjects: Sequence[LoadedModel],
    dataset: Dataset,
    request: Request,
    training: Dataset | None,
    say: Callable[[str], None],
) -> EvalSplit:
    """The parts of the data for all of the models, after every check. InputError: what cannot be compared."""
    check(subjects)
    check_metrics(request.metrics)
    division = divided(subjects[0], dataset, request.count, training, say, request.reference)
    check_together(subjects, dataset, request, division, say)
    return division


def compare(
    subjects: Sequence[LoadedModel],
    dataset: Dataset,
    request: Request,
    parts: Sequence[Parts],
    say: Callable[[str], None] = events.say,
    *,
    training: Dataset | None = None,
    division: EvalSplit | None = None,
) -> Generator[Progress, None, Comparison]:
    """Yields progress, returns the comparison. `training` is as `evaluate` takes it, of the first model; `division` is what `prepared` gave, where the
    caller has called it. InputError: fewer than two models, one twice,
    data of another size than a model's, an analysis among the metrics."""
    division, found, spent = division or prepared(subjects, dataset, request, training, say), [], 0.0
    request = replace(request, metrics=request.metrics or tuple(shared(subjects, dataset, request, division)))
    for k, (subject, own) in enumerate(zip(subjects, parts, strict=True)):
        work = evaluate(subject, dataset, request, own, say, division=division)
        one = yield from _one(work, subject, k, len(subjects) - k - 1, spent / k if k else 0.0)
        spent += one.seconds
        found.append(one)
    metrics = [m for m in METRICS if {m.name, *m.gives} & set(request.metrics)]
    spreads = []
    for k, (one, own) in enumerate(zip(found, parts, strict=True)):
        yield Progress(f"differences, {one.subject.name}", k, len(found), 0.0, 1.0)
        spreads.append({m.name: spread(m, one, own) for m in metrics})
    differences = [
        {},
        *(_differences(metrics, found[0], other, spreads[0], spreads[k]) for k, other in enumerate(found[1:], start=1)),
    ]
    return Comparison(evaluations=tuple(found), differences=tuple(differences))


def shared(subjects: Sequence[LoadedModel], dataset: Dataset, request: Request, division: EvalSplit) -> list[str]:
    """The metrics, analyses aside, that apply to all of the models."""
    chosen = [{m.name for m in choose((), s, dataset.spec, division, request.count).metrics} for s in subjects]
    return [m.name for m in METRICS if m.of == "images" and all(m.name in names for names in chosen)]


def spread(metric: Metric, found: Evaluation, parts: Parts) -> dict[str, list]:
    """What the interval of a difference needs of one model: for each score's label the samples' contributions, the pairs', or its values
    with groups left out; kept, since it takes a while."""
    side, reference = found.sides[SAMPLES], found.sides[REFERENCE]
    key = [found.subject.digest, found.key, metric.name]
    if metric.name in FIRST_ORDER:
        from debruit.metrics.frechet import influence, moments

        label = next(s.label for s in found.scores if s.name == metric.name)
        make = lambda: {label: influence(side.features, moments(side.features), moments(reference.features)).tolist()}  # noqa: E731
    elif metric.name in OVER_PAIRS:
        label = next((s.label for s in found.scores if s.name == metric.name), None)
        return {} if label is None else parts.kept("spread-pairs", key, lambda: {label: _pairs(metric, side)})
    else:
        make = lambda: paired.left_out(metric.compute, side, reference)  # noqa: E731
    return parts.kept("spread", key, make)


def _pairs(metric: Metric, side: ImageSet) -> list[list[float]]:
    """The pairs of the score and what each adds to it: drawn once, over all samples."""
    from debruit.metrics.diversity import differences

    labels = side.labels if metric.name == "class-diversity" else None
    return paired.pair_rows(*differences(side.images, side.spec, labels=labels)).tolist()


def _differences(metrics, first: Evaluation, other: Evaluation, a: dict, b: dict) -> dict[str, Difference]:
    """By score label. A score that one of the two lacks has none."""
    values = {s.label: s for s in first.scores}
    found = {}
    for metric in metrics:
        for score in other.scores:
            ours, theirs = b[metric.name].get(score.label), a[metric.name].get(score.label)
            if ours is None or theirs is None or score.label not in values:
                continue
            value = score.value - values[score.label].value
            ours, theirs = np.asarray(ours), np.asarray(theirs)
            if metric.name in OVER_PAIRS:
                found[score.label] = paired.over_pairs(value, ours, theirs, better=score.better)
            else:
                law = paired.paired if metric.name in FIRST_ORDER else paired.jackknife
                found[score.label] = law(value, ours - theirs, better=score.better)
    return found


def _one(
    work: Generator[Progress, None, Evaluation], subject: LoadedModel, done: int, left: int, usual: float
) -> Generator[Progress, None, Evaluation]:
    """One model's progress under its name; the models still to come count as long as the usual one, or as the first is expected to be."""
    while True:
        try:
            p = next(work)
        except StopIteration as end:
            return end.value
        usual = usual or p.eta_seconds
        share = (done + p.share) / (done + 1 + left)  # of as many models, each as much
        yield replace(p, stage=f"{subject.name}: {p.stage}", eta_seconds=p.eta_seconds + left * usual, share=share)
