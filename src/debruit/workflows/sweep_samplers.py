"""`debruit sweep-samplers`: quality of samples against network evaluations for every sampler, as a report."""

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import Annotated

from annotated_types import Ge, Le

from debruit.errors import InputError
from debruit.evaluation import sampler_sweep
from debruit.evaluation.networks import find_features
from debruit.evaluation.pipeline import find_split
from debruit.evaluation.result_store import ResultStore
from debruit.evaluation.sampler_sweep import Sweep
from debruit.files.outputs import check_file
from debruit.models.loaded import LoadedModel
from debruit.models.model_file import check_writable, model_file
from debruit.ranges import MOST_STEPS
from debruit.reports import columns
from debruit.reports import sampler_sweep as report
from debruit.workflows.evaluation_data import find_data, find_training_data
from debruit.workflows.evaluation_options import Count, EvaluationOptions
from debruit.workflows.public import public
from debruit.workflows.report_files import WORK, report_folder, resumable, write_report
from debruit.workflows.rerun import rerun_command
from debruit.workflows.store_sampling import store_sampling


@dataclass(frozen=True)
class SweepRequest(EvaluationOptions):
    """Sample `model` by every sampler at the costs `evaluations`, in network evaluations per image, "5,10,20", and find
    the best setting within `budget` of them; `store` writes it into the model."""

    model: str | Path
    _: KW_ONLY
    n: Count = 200
    evaluations: str | Sequence[int] = "5,10,20"
    budget: Annotated[int, Ge(1), Le(2 * MOST_STEPS)] = 20
    store: bool = False


@dataclass(frozen=True, kw_only=True)
class SweepResult:
    """All settings and their scores, sentences on what was `stored` in the model, and the files of the report."""

    sweep: Sweep
    stored: tuple[str, ...]
    paths: tuple[Path, ...]


def sweep_samplers(request: SweepRequest) -> SweepResult:
    """Sweep the samplers and write a report. Finished parts are kept in the report's folder: the same request resumes.

    InputError: before any work, for a request that cannot be served. events.Cancelled: says how to resume.
    """
    request.check("sweep-samplers")
    budgets = costs(request.evaluations)
    model, command = str(request.model), request.command or rerun_command("sweep-samplers", request)
    folder = report_folder(request.out, model, "samplers")
    if request.store:
        check_writable(model)
        check_file(model_file(model), flag="--store")
    loaded = LoadedModel.open(model, request.device)
    with resumable(folder, command):
        sweep = _sweep(request, loaded, folder, budgets)
        stored = tuple(store_sampling(loaded, sweep.best.settings)) if request.store else ()
        page, record = report.render(sweep, command, stored), report.as_record(sweep, command, stored)
        paths = write_report(folder, page, record, columns.of_sweep(sweep))
    return SweepResult(sweep=sweep, stored=stored, paths=paths)


def _sweep(request: SweepRequest, loaded: LoadedModel, folder: Path, budgets: list[int]) -> Sweep:
    dataset = find_data(request.data, loaded)
    training = find_training_data(request.training_data, loaded)
    split = find_split(loaded, dataset, request.n, training, request.reference)
    sampler_sweep.check(loaded, dataset, request.n, split=split, budgets=budgets, budget=request.budget)
    return sampler_sweep.sweep(
        loaded,
        dataset,
        request.n,
        find_features(request.features, dataset, split, device=loaded.device.type),
        ResultStore.open(folder / WORK, loaded.name, loaded.digest),
        budgets=budgets,
        budget=request.budget,
        seed=request.seed,
        batch=request.batch,
        split=split,
    )


def costs(given: str | Sequence[int]) -> list[int]:
    """ "5,10,20" as [5, 10, 20]. InputError: anything else."""
    text = given if isinstance(given, str) else ",".join(map(str, given))
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not parts or not all(part.isdecimal() and int(part) > 0 for part in parts):
        raise InputError(f"--evaluations {text}: give positive numbers, for example --evaluations 5,10,20")
    if any(len(part) > 9 or int(part) > 2 * MOST_STEPS for part in parts):
        raise InputError(f"--evaluations {text}: give at most {2 * MOST_STEPS:,}, for example --evaluations 5,10,20")
    return sorted({int(part) for part in parts})


start = public(SweepRequest, sweep_samplers)
