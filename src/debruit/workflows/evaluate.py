"""`debruit evaluate`: scores of a model, with intervals and a real-data baseline, as a report."""

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from pathlib import Path

from debruit.conditioning.from_data import parse_names
from debruit.evaluation import pipeline, registry
from debruit.evaluation.result import Evaluation, Request
from debruit.evaluation.result_store import ResultStore
from debruit.models.loaded import open_any
from debruit.reports import columns, page, record
from debruit.reports.figure import figure
from debruit.workflows.evaluation_data import find_data, find_training_data
from debruit.workflows.evaluation_options import Count, EvaluationOptions, names
from debruit.workflows.public import public
from debruit.workflows.report_files import WORK, report_folder, resumable, write_report
from debruit.workflows.rerun import rerun_command


@dataclass(frozen=True)
class EvaluateRequest(EvaluationOptions):
    """Evaluate `model`, a diffusion model or an autoencoder: `metrics`, names such as "frechet,kid", by default all
    that apply; the likelihood on `likelihood_images` training images and as many held-out ones. `condition` names the
    conditions of real images that samples get, "text" or "none", by default all.
    """

    model: str | Path
    _: KW_ONLY
    metrics: str | Sequence[str] | None = None
    condition: str | Sequence[str] | None = None
    likelihood_images: Count = 64


@dataclass(frozen=True, kw_only=True)
class EvaluateResult:
    """The scores and analyses, and the files of the report."""

    evaluation: Evaluation
    paths: tuple[Path, ...]


def evaluate(request: EvaluateRequest) -> EvaluateResult:
    """Evaluate a model and write a report. Finished parts are kept in the report's folder: the same request resumes.

    InputError: before any work, for a request that cannot be served. events.Cancelled: says how to resume.
    """
    request.check("evaluate")
    settings = Request(
        count=request.n,
        metrics=registry.parse(names(request.metrics)),
        conditions=parse_names(names(request.condition)),
        network=request.features,
        seed=request.seed,
        batch=request.batch,
        likelihood_images=request.likelihood_images,
        reference=request.reference,
    )
    folder = report_folder(request.out, str(request.model), "evaluation")
    command = request.command or rerun_command("evaluate", request)
    loaded = open_any(str(request.model), request.device)
    with resumable(folder, command):
        dataset = find_data(request.data, loaded)
        training = find_training_data(request.training_data, loaded)
        store = ResultStore.open(folder / WORK, loaded.name, loaded.digest)
        evaluation = pipeline.evaluate(loaded, dataset, settings, store, training=training)
        image = figure(evaluation)
        paths = write_report(
            folder,
            page.render(evaluation, command),
            record.record(evaluation, command),
            columns.of_evaluation(evaluation),
            image,
        )
    return EvaluateResult(evaluation=evaluation, paths=paths)


start = public(EvaluateRequest, evaluate)
