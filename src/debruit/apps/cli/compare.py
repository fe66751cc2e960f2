"""debruit compare"""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from debruit.apps.cli.numbers import Batch, ReferenceCount, SampleCount, Seed, Threads
from debruit.apps.cli.sources import Sources, check_no_models
from debruit.apps.console import say
from debruit.apps.process import prepare_process


def compare(
    *models: Annotated[str, Parameter(name=["MODEL"])],
    data: Sources = None,
    training_data: Sources = None,
    metrics: str | None = None,
    n: Annotated[SampleCount, Parameter(name=["-n", "--n"])] = 2000,
    features: str = "efficientnet",
    reference: ReferenceCount = None,
    seed: Seed = 0,
    out: Path = Path("comparison"),
    batch: Batch = 64,
    device: str = "auto",
    threads: Threads = None,
) -> int:
    """Compare models: the same noise, the same reference images, and differences to the first model that are paired
    image by image.

    Writes DIR/report.html and DIR/report.json. Ctrl-C stops it; rerun the same command to continue.

    Parameters
    ----------
    models
        Run folders or .safetensors files, two or more.
    data
        A folder of images, shards, tables (several of one kind are one source) or a built-in source, at the models'
        size. Default: the training data of the first model. It takes all arguments up to the next flag: name the models
        first.
    training_data
        The training data of the first model, if neither the run folder nor the model file says where it lies: the
        networks that score samples are trained on it, never on the data that samples are compared with.
    metrics
        Names of scores, "frechet,kid". Default: all that apply to all models. Likelihood, memorisation and loss are for
        `debruit evaluate`.
    n
        Number of samples of each model.
    features
        Feature network: efficientnet, classifier (trained on the data's labels), or a file .onnx, .safetensors or .pth.
    reference
        Samples are compared with at most this many images of the data. Default: 5,000. Scores of different numbers
        cannot be compared.
    seed
        Seed of the noise, the same for all models.
    out
        Folder of the report.
    batch
        Images per batch.
    device
        auto, cpu or cuda.
    threads
        CPU threads. Default: the number of cores of this process. Another number changes results by rounding only.
    """
    from debruit.apps.cli.tables import show_tables
    from debruit.reports import comparison
    from debruit.workflows.compare import CompareRequest
    from debruit.workflows.compare import compare as run
    from debruit.workflows.report_files import written
    from debruit.workflows.rerun import with_command

    check_no_models("--data", data)
    check_no_models("--training-data", training_data)
    request = CompareRequest(
        models,
        data=data,
        training_data=training_data,
        metrics=metrics,
        n=n,
        features=features,
        reference=reference,
        seed=seed,
        out=str(out),
        batch=batch,
        device=device,
    )
    prepare_process(threads)
    result = run(with_command("compare", request, threads=threads))
    show_tables(comparison.table(result.comparison))
    say(written(result.paths))
    return 0
