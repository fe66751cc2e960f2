"""debruit compare"""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from debruit.apps.cli.numbers import Batch, ReferenceCount, SampleCount, Seed, Threads
from debruit.apps.cli.reports import (
    WORK,
    check_diffusion,
    check_plots,
    check_report,
    find_data,
    find_training,
    retyped,
    stopped,
    write_report,
    written,
)
from debruit.apps.cli.sources import Sources, check_no_models
from debruit.apps.threads import set_threads
from debruit.workflows.session import say


def compare(
    *models: Annotated[str, Parameter(name=["MODEL"])],
    data: Sources = None,
    training_data: Sources = None,
    metrics: str | None = None,
    n: Annotated[SampleCount, Parameter(name=["-n", "--n"])] = 2000,
    network: str = "efficientnet",
    reference: ReferenceCount = None,
    seed: Seed = 0,
    out: Path = Path("comparison"),
    batch: Batch = 64,
    device: str = "auto",
    threads: Threads = None,
) -> int:
    """Several models in one table and on one page: the same seeds, the same reference, differences to the first paired image by image.

    Writes DIR/report.html and DIR/report.json. Ctrl-C stops it; the same command goes on where it was.

    Parameters
    ----------
    models
        Run folders or .safetensors files, two or more.
    data
        A folder of images, shards, tables (several of one kind are one source) or a built-in source, of the models' size; without it, what the first model
        was trained on. It takes all that follows it: name the models first.
    training_data
        What the first model was trained on, where neither the run folder nor the model's file says where that lies: the networks that judge samples are
        trained on it, never on what the samples are compared with.
    metrics
        Names of scores, "frechet,kid"; without it, every score that applies to all of the models. Likelihood, memorisation and the loss
        are for `debruit evaluate`.
    n
        How many samples each model draws.
    network
        What sees the images: efficientnet, classifier (trained on the data's labels), or a file .onnx, .safetensors or .pth.
    reference
        How many images of the data samples are measured against at most; without it 5,000. Figures of different numbers cannot be compared.
    seed
        Decides the noise, the same for all.
    out
        Where the report goes.
    batch
        Images drawn at a time.
    device
        auto, cpu or cuda.
    threads
        CPU threads, by default as many as this process has cores; another number changes results by rounding alone.
    """
    from debruit.evaluation import registry
    from debruit.evaluation.compare import check, check_metrics
    from debruit.evaluation.compare import compare as run
    from debruit.evaluation.compare import prepare as prepare_comparison
    from debruit.evaluation.result import Request
    from debruit.evaluation.result_store import ResultStore
    from debruit.models.loaded import LoadedModel
    from debruit.reports import columns, comparison, terminal
    from debruit.training.allocator import prepare

    prepare()
    set_threads(threads)
    check_plots()
    request = Request(
        count=n, metrics=registry.parse(metrics), network=network, seed=seed, batch=batch, reference=reference
    )
    flags = {
        "--data": data, "--training-data": training_data,
        "--metrics": metrics, "-n": n, "--network": network, "--reference": reference, "--seed": seed, "--out": out, "--batch": batch, "--device": device,
        "--threads": threads,
    }  # fmt: skip
    command = retyped("compare", models, flags, compare)
    check_no_models("--data", data)
    check_no_models("--training-data", training_data)
    check_report(out)
    check_metrics(request.metrics)
    for model in models:
        check_diffusion(model, "compare")
    subjects = [LoadedModel.open(model, device) for model in models]
    check(subjects)  # before anything is written
    dataset, training = find_data(data, subjects[0]), find_training(training_data, subjects[0])

    def compared():
        split = prepare_comparison(subjects, dataset, request, training)
        stores = [ResultStore.open(out / WORK / str(k), s.name, s.digest) for k, s in enumerate(subjects, start=1)]
        return run(subjects, dataset, request, stores, split=split)

    try:
        found = compared()
    except KeyboardInterrupt:
        return stopped(out, command)
    write_report(
        out, comparison.render(found, command), comparison.as_record(found, command), columns.of_comparison(found)
    )
    terminal.show(comparison.table(found))
    say(written(out))
    return 0
