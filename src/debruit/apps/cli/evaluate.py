"""debruit evaluate"""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from debruit.apps.cli.numbers import Batch, LikelihoodCount, ReferenceCount, SampleCount, Seed, Threads
from debruit.apps.cli.reports import (
    WORK,
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
from debruit.workflows.session import say


def evaluate(
    model: str,
    /,
    *,
    data: Sources = None,
    training_data: Sources = None,
    metrics: str | None = None,
    n: Annotated[SampleCount, Parameter(name=["-n", "--n"])] = 2000,
    network: str = "efficientnet",
    reference: ReferenceCount = None,
    seed: Seed = 0,
    out: Path | None = None,
    batch: Batch = 64,
    likelihood_images: LikelihoodCount = 64,
    device: str = "auto",
    threads: Threads = None,
) -> int:
    """Is a model any good: scores with intervals beside those of real images, whether samples show the class, mask or caption asked for, likelihood,
    memorisation, loss by timestep; of an autoencoder, what becomes of images, and the health of its latents.

    Writes DIR/report.html, one page that needs nothing else, and the same as DIR/report.json. Ctrl-C stops it; the same command goes on where it was.

    Parameters
    ----------
    model
        A run folder or a .safetensors file, of a diffusion model or of an autoencoder.
    data
        A folder of images, shards, tables (several of one kind are one source) or a built-in source, of the model's size; without it, what the model was
        trained on.
    training_data
        What the model was trained on, where neither the run folder nor the model's file says where that lies: the networks that judge samples are
        trained on it, never on what the samples are compared with.
    metrics
        Names, "frechet,kid,bound"; without it, everything that applies.
    n
        How many samples to draw, or images to send through an autoencoder; figures of different numbers cannot be compared.
    network
        What sees the images: efficientnet, classifier (trained on the data's labels), or a file .onnx, .safetensors or .pth.
    reference
        How many images of the data samples are measured against at most; without it 5,000. Figures of different numbers cannot be compared.
    seed
        Decides the noise of the samples.
    out
        Where the report goes; without it, a folder "evaluation" in the run folder, or beside the model file.
    batch
        Images drawn at a time.
    likelihood_images
        How many training images, and as many held-out ones, the likelihood is measured on.
    device
        auto, cpu or cuda.
    threads
        CPU threads, by default as many as this process has cores; another number changes results by rounding alone.
    """
    from debruit.evaluation import registry
    from debruit.evaluation.pipeline import evaluate as run
    from debruit.evaluation.result import Request
    from debruit.evaluation.result_store import ResultStore
    from debruit.models.loaded import open_any
    from debruit.reports import columns, page, record, terminal
    from debruit.reports.figure import figure
    from debruit.training.allocator import prepare

    prepare()
    set_threads(threads)
    check_plots()
    request = Request(
        count=n, metrics=registry.parse(metrics), network=network, seed=seed, batch=batch, likelihood_images=likelihood_images, reference=reference
    )  # fmt: skip
    command = retyped("evaluate", [model], {
        "--data": data, "--training-data": training_data, "--metrics": metrics, "-n": n, "--network": network, "--reference": reference,
        "--seed": seed, "--out": out, "--batch": batch,
        "--likelihood-images": likelihood_images, "--device": device, "--threads": threads,
    }, evaluate)  # fmt: skip
    folder = out_folder(out, model, "evaluation")
    subject = open_any(model, device)
    dataset, training = find_data(data, subject), find_training(training_data, subject)
    store = ResultStore.open(folder / WORK, subject.name, subject.digest)
    try:
        found = run(subject, dataset, request, store, training=training)
    except KeyboardInterrupt:
        return stopped(folder, command)
    picture = figure(found)
    write_report(
        folder, page.render(found, command), record.record(found, command), columns.of_evaluation(found), picture
    )
    terminal.show(*terminal.tables(found))
    for line in terminal.left_out(found):
        say(line)
    say(written(folder, picture))
    return 0
