"""`debruit compare`: several models next to each other, with paired differences to the first, as a report."""

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from pathlib import Path

from debruit.evaluation import registry
from debruit.evaluation.compare import Comparison, check, check_metrics, prepare
from debruit.evaluation.compare import compare as compare_models
from debruit.evaluation.result import Request
from debruit.evaluation.result_store import ResultStore
from debruit.models.loaded import LoadedModel
from debruit.reports import columns, comparison
from debruit.workflows.evaluation_data import find_data, find_training_data
from debruit.workflows.evaluation_options import EvaluationOptions, names
from debruit.workflows.public import public
from debruit.workflows.report_files import WORK, check_report, resumable, write_report
from debruit.workflows.rerun import rerun_command


@dataclass(frozen=True)
class CompareRequest(EvaluationOptions):
    """Compare two or more `models`: `metrics`, names such as "frechet,kid", by default all scores of samples that apply
    to all of the models. `data` and `training_data` default to those of the first model."""

    models: Sequence[str | Path]
    _: KW_ONLY
    metrics: str | Sequence[str] | None = None
    out: str | Path = "comparison"


@dataclass(frozen=True, kw_only=True)
class CompareResult:
    """The evaluations and their differences, and the files of the report."""

    comparison: Comparison
    paths: tuple[Path, ...]


def compare(request: CompareRequest) -> CompareResult:
    """Compare models and write a report. Finished parts are kept in the report's folder: the same request resumes.

    InputError: before any work, for a request that cannot be served. events.Cancelled: says how to resume.
    """
    request.check("compare")
    settings = Request(
        count=request.n,
        metrics=registry.parse(names(request.metrics)),
        network=request.features,
        seed=request.seed,
        batch=request.batch,
        reference=request.reference,
    )
    folder, command = Path(request.out), request.command or rerun_command("compare", request)
    check_report(folder)
    check_metrics(settings.metrics)
    models = [LoadedModel.open(str(model), request.device) for model in request.models]
    check(models)
    with resumable(folder, command):
        dataset = find_data(request.data, models[0])
        training = find_training_data(request.training_data, models[0])
        split = prepare(models, dataset, settings, training)
        stores = [ResultStore.open(folder / WORK / str(k), m.name, m.digest) for k, m in enumerate(models, start=1)]
        compared = compare_models(models, dataset, settings, stores, split=split)
        page, record = comparison.render(compared, command), comparison.as_record(compared, command)
        paths = write_report(folder, page, record, columns.of_comparison(compared))
    return CompareResult(comparison=compared, paths=paths)


start = public(CompareRequest, compare)
