"""debruit samplers"""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from debruit.apps.cli.numbers import Batch, Evaluations, ReferenceCount, SampleCount, Seed, Threads
from debruit.apps.cli.reports import (
    WORK,
    check_diffusion,
    check_plots,
    find_data,
    find_training,
    out_folder,
    retyped,
    stopped,
    write_report,
    written,
)
from debruit.apps.cli.sources import Sources
from debruit.apps.threads import set_threads
from debruit.errors import InputError
from debruit.files.outputs import check_file
from debruit.ranges import MOST_STEPS
from debruit.workflows.session import say


def samplers(
    model: str,
    /,
    *,
    data: Sources = None,
    training_data: Sources = None,
    n: Annotated[SampleCount, Parameter(name=["-n", "--n"])] = 200,
    evaluations: str = "5,10,20",
    budget: Evaluations = 20,
    store: Annotated[bool, Parameter(negative="")] = False,
    network: str = "efficientnet",
    reference: ReferenceCount = None,
    seed: Seed = 0,
    out: Path | None = None,
    batch: Batch = 64,
    device: str = "auto",
    threads: Threads = None,
) -> int:
    """Quality against network evaluations for every sampler on this model, from the same noise; the best setting can be stored in it.

    Writes DIR/report.html and DIR/report.json. Ctrl-C stops it; the same command goes on where it was.

    Parameters
    ----------
    model
        A run folder or a .safetensors file.
    data
        A folder of images, shards, tables (several of one kind are one source) or a built-in source, of the model's size; without it, what the model was
        trained on.
    training_data
        What the model was trained on, where neither the run folder nor the model's file says where that lies: the network "classifier" is
        trained on it, never on what the samples are compared with.
    n
        How many samples each setting draws.
    evaluations
        The costs to try, in network evaluations an image.
    budget
        The most evaluations that the best setting may take.
    store
        Write the best setting into the model, so that `debruit sample` uses it.
    network
        What sees the images: efficientnet, classifier (trained on the data's labels), or a file .onnx, .safetensors or .pth.
    reference
        How many images of the data samples are measured against at most; without it 5,000. Figures of different numbers cannot be compared.
    seed
        Decides the noise, the same for all settings.
    out
        Where the report goes; without it, a folder "samplers" in the run folder, or beside the model file.
    batch
        Images drawn at a time.
    device
        auto, cpu or cuda.
    threads
        CPU threads, by default as many as this process has cores; another number changes results by rounding alone.
    """
    from debruit.evaluation import sampler_sweep
    from debruit.evaluation.networks import find_features
    from debruit.evaluation.pipeline import find_split
    from debruit.evaluation.result_store import ResultStore
    from debruit.models.loaded import LoadedModel
    from debruit.models.model_file import check_writable, model_file
    from debruit.reports import columns, terminal
    from debruit.reports import sampler_sweep as report
    from debruit.training.allocator import prepare
    from debruit.workflows.store_sampling import store_sampling

    prepare()
    set_threads(threads)
    check_plots()
    costs = numbers(evaluations)
    flags = {
        "--data": data, "--training-data": training_data,
        "-n": n, "--evaluations": evaluations, "--budget": budget, "--store": store, "--network": network, "--reference": reference, "--seed": seed,
        "--out": out, "--batch": batch, "--device": device, "--threads": threads,
    }  # fmt: skip
    command = retyped("samplers", [model], flags, samplers)
    folder = out_folder(out, model, "samplers")
    check_diffusion(model, "samplers")
    if store:
        check_writable(model)
        check_file(model_file(model), flag="--store")
    subject = LoadedModel.open(model, device)
    dataset, training = find_data(data, subject), find_training(training_data, subject)

    def swept():
        split = find_split(subject, dataset, n, training, reference)
        sampler_sweep.check(subject, dataset, n, split=split, budgets=costs, budget=budget)
        results = ResultStore.open(folder / WORK, subject.name, subject.digest)
        extractor = find_features(network, dataset, split, device=subject.model.device.type)
        return sampler_sweep.sweep(
            subject, dataset, n, extractor, results, budgets=costs, budget=budget, seed=seed, batch=batch, split=split
        )

    try:
        found = swept()
    except KeyboardInterrupt:
        return stopped(folder, command)
    stored = store_sampling(subject, found.best.settings) if store else []
    write_report(
        folder,
        report.render(found, command, stored),
        report.as_record(found, command, stored),
        columns.of_sweep(found),
    )
    terminal.show(report.table(found))
    for line in (report.conclusion(found), *stored, written(folder)):
        say(line)
    return 0


def numbers(text: str) -> list[int]:
    """ "5,10,20" -> [5, 10, 20]; InputError for anything else."""
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not parts or not all(part.isdecimal() and int(part) > 0 for part in parts):
        raise InputError(f"--evaluations {text}: give positive numbers, for example --evaluations 5,10,20")
    if any(len(part) > 9 or int(part) > 2 * MOST_STEPS for part in parts):
        raise InputError(f"--evaluations {text}: give at most {2 * MOST_STEPS:,}, for example --evaluations 5,10,20")
    return sorted({int(part) for part in parts})
