"""debruit sweep-samplers"""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from debruit.apps.cli.numbers import Batch, Evaluations, ReferenceCount, SampleCount, Seed, Threads
from debruit.apps.cli.sources import Sources
from debruit.apps.console import say
from debruit.apps.process import prepare_process


def sweep_samplers(
    model: str,
    /,
    *,
    data: Sources = None,
    training_data: Sources = None,
    n: Annotated[SampleCount, Parameter(name=["-n", "--n"])] = 200,
    evaluations: str = "5,10,20",
    budget: Evaluations = 20,
    store: Annotated[bool, Parameter(negative="")] = False,
    features: str = "efficientnet",
    reference: ReferenceCount = None,
    seed: Seed = 0,
    out: Path | None = None,
    batch: Batch = 64,
    device: str = "auto",
    threads: Threads = None,
) -> int:
    """Measure the quality of samples against network evaluations, for every sampler on this model, from the same noise;
    the best setting can be stored in the model.

    Writes DIR/report.html and DIR/report.json. Ctrl-C stops it; rerun the same command to continue.

    Parameters
    ----------
    model
        A run folder or a .safetensors file.
    data
        A folder of images, shards, tables (several of one kind are one source) or a built-in source, at the model's
        size. Default: the training data.
    training_data
        The training data of the model, if neither the run folder nor the model file says where it lies: the feature
        network "classifier" is trained on it, never on the data that samples are compared with.
    n
        Number of samples of each setting.
    evaluations
        The costs to try, in network evaluations per image.
    budget
        The most network evaluations per image that the best setting may take.
    store
        Write the best setting into the model, so that `debruit sample` uses it.
    features
        Feature network: efficientnet, classifier (trained on the data's labels), or a file .onnx, .safetensors or .pth.
    reference
        Samples are compared with at most this many images of the data. Default: 5,000. Scores of different numbers
        cannot be compared.
    seed
        Seed of the noise, the same for all settings.
    out
        Folder of the report. Default: "samplers" in the run folder, or next to the model file.
    batch
        Images per batch.
    device
        auto, cpu or cuda.
    threads
        CPU threads. Default: the number of cores of this process. Another number changes results by rounding only.
    """
    from debruit.apps.cli.tables import show_tables
    from debruit.reports import sampler_sweep
    from debruit.workflows.report_files import written
    from debruit.workflows.rerun import with_command
    from debruit.workflows.sweep_samplers import SweepRequest
    from debruit.workflows.sweep_samplers import sweep_samplers as run

    request = SweepRequest(
        model,
        data=data,
        training_data=training_data,
        n=n,
        evaluations=evaluations,
        budget=budget,
        store=store,
        features=features,
        reference=reference,
        seed=seed,
        out=out,
        batch=batch,
        device=device,
    )
    prepare_process(threads)
    result = run(with_command("sweep-samplers", request, threads=threads))
    show_tables(sampler_sweep.table(result.sweep))
    for line in (sampler_sweep.conclusion(result.sweep), *result.stored, written(result.paths)):
        say(line)
    return 0
