"""Findings as columns of scores, for tables (tables.py)."""

from dataclasses import replace

from debruit.evaluation.compare import Comparison
from debruit.evaluation.pipeline import Evaluation
from debruit.evaluation.sampler_sweep import Quality
from debruit.metrics.score import Score
from debruit.reports.tables import Column


def of_evaluation(found: Evaluation) -> list[Column]:
    """The samples, the real images in their place, what an autoencoder makes of images, and each analysis."""
    model = found.subject.name
    networks = [about["label"] for about in found.networks.values()]
    sides = {
        "samples": found.scores, "real images": found.floor, "real images, decoded": found.through, "reconstructions": found.decoded,
        "reconstructions of training images": found.seen,
    }  # fmt: skip
    sides |= {name: tuple(Score(**s) for s in one.get("scores", ())) for name, one in found.analyses.items()}
    return [
        Column(model=model, images=name, scores=scores, networks=networks) for name, scores in sides.items() if scores
    ]


def of_comparison(found: Comparison) -> list[Column]:
    """The samples of each model, then the real images, which are the same for all."""
    each = [of_evaluation(one) for one in found.evaluations]
    samples = [column for columns in each for column in columns if column.images == "samples"]
    real = [replace(column, model="data") for column in each[0] if column.images == "real images"]
    return samples + real


def of_samplers(found: Quality) -> list[Column]:
    """A row a setting, under its name, then the real images."""
    named = [
        replace(p.score, label=f"{p.score.label}: {p.name}, {p.settings.steps} steps, {p.evaluations} evaluations", note=p.score.note)
        for p in found.points
    ]  # fmt: skip
    networks = [found.network]
    return [
        Column(model=found.subject.name, images="samples", scores=named, networks=networks),
        Column(model=found.subject.name, images="real images", scores=[found.floor], networks=networks),
    ]
