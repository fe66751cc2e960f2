"""Scores of image sets, each saved when it is computed."""

from collections.abc import Generator
from dataclasses import asdict

import numpy as np

from debruit.evaluation.image_set import (
    HELDOUT_RECONSTRUCTION,
    REAL_BASELINE,
    RECONSTRUCTED_BASELINE,
    REFERENCE,
    SAMPLES,
    TRAIN_RECONSTRUCTION,
    ImageSet,
)
from debruit.evaluation.progress import StageTimer
from debruit.evaluation.registry import Choice
from debruit.evaluation.result_store import ResultStore
from debruit.evaluation.scores.metric import Metric
from debruit.metrics.score import Score

COLUMNS = {  # by what a metric compares: column of the report -> image set
    "samples": {SAMPLES: SAMPLES, REAL_BASELINE: REAL_BASELINE, RECONSTRUCTED_BASELINE: HELDOUT_RECONSTRUCTION},
    "reconstructions": {
        HELDOUT_RECONSTRUCTION: HELDOUT_RECONSTRUCTION,
        TRAIN_RECONSTRUCTION: TRAIN_RECONSTRUCTION,
    },
}


def score(
    choice: Choice, sets: dict[str, ImageSet], key: list, store: ResultStore, timer: StageTimer
) -> dict[str, tuple[Score, ...]]:
    """The chosen scores by column of the report. `key` determines images, networks and reference."""
    jobs = [
        (metric, column, name)
        for metric in choice.metrics
        for column, name in COLUMNS[metric.compares].items()
        if name in sets and len(sets[name]) >= metric.least
    ]
    weights = np.cumsum([0.0, *(metric.cost for metric, _, _ in jobs)])
    columns: dict[str, list[Score]] = {column: [] for names in COLUMNS.values() for column in names}

    def work() -> Generator[float, None, None]:
        for n, (metric, column, name) in enumerate(jobs, start=1):
            columns[column] += choice.select(metric, compute(metric, name, sets, key, store))
            yield n

    timer.run("scores", len(jobs), work(), weigh=lambda done: float(weights[int(done)] / weights[-1]))
    return {name: tuple(scores) for name, scores in columns.items()}


def compute(metric: Metric, name: str, sets: dict[str, ImageSet], key: list, store: ResultStore) -> list[Score]:
    """One metric of one image set."""
    images = sets[name]
    reference = sets[REFERENCE] if metric.compares == "samples" else images.originals
    assert reference is not None
    saved = store.get_or_make(
        "scores", [*key, metric.name, name], lambda: [asdict(s) for s in metric.compute(images, reference)]
    )
    return [Score(**s) for s in saved]
