"""Results as columns of scores, for tables (tables.py)."""

from dataclasses import replace

from debruit.evaluation.compare import Comparison
from debruit.evaluation.result import Evaluation
from debruit.evaluation.sampler_sweep import Sweep
from debruit.metrics.score import Score
from debruit.reports.tables import Column


def of_evaluation(evaluation: Evaluation) -> list[Column]:
    """Samples, real baseline, reconstructions, and each analysis."""
    model = evaluation.loaded.name
    networks = [about["label"] for about in evaluation.networks.values()]
    sets = {
        "samples": evaluation.scores,
        "real images": evaluation.real_baseline,
        "reconstructed real images": evaluation.reconstructed_baseline,
        "reconstructions": evaluation.heldout_reconstruction,
        "reconstructions of training images": evaluation.train_reconstruction,
    }
    sets |= {name: tuple(Score(**s) for s in one.get("scores", ())) for name, one in evaluation.analyses.items()}
    return [
        Column(model=model, images=name, scores=scores, networks=networks) for name, scores in sets.items() if scores
    ]


def of_comparison(comparison: Comparison) -> list[Column]:
    """The samples of each model, then the real baseline, which all models share."""
    each = [of_evaluation(one) for one in comparison.evaluations]
    samples = [column for columns in each for column in columns if column.images == "samples"]
    real = [replace(column, model="data") for column in each[0] if column.images == "real images"]
    return samples + real


def of_sweep(sweep: Sweep) -> list[Column]:
    """A row per setting, labelled by its name, then the real baseline."""
    named = [
        replace(p.score, label=f"{p.score.label}: {p.name}, {p.settings.steps} steps, {p.evaluations} evaluations")
        for p in sweep.points
    ]
    model, networks = sweep.loaded.name, [sweep.network]
    return [
        Column(model=model, images="samples", scores=named, networks=networks),
        Column(model=model, images="real images", scores=[sweep.real_baseline], networks=networks),
    ]
