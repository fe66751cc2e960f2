"""debruit evaluate"""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from debruit.apps.cli.numbers import Batch, LikelihoodCount, ReferenceCount, SampleCount, Seed, Threads
from debruit.apps.cli.sources import Sources
from debruit.apps.console import say
from debruit.apps.process import prepare_process


def evaluate(
    model: str,
    /,
    *,
    data: Sources = None,
    training_data: Sources = None,
    metrics: str | None = None,
    condition: str | None = None,
    n: Annotated[SampleCount, Parameter(name=["-n", "--n"])] = 2000,
    features: str = "efficientnet",
    reference: ReferenceCount = None,
    seed: Seed = 0,
    out: Path | None = None,
    batch: Batch = 64,
    likelihood_images: LikelihoodCount = 64,
    device: str = "auto",
    threads: Threads = None,
) -> int:
    """Evaluate a model: sample quality with confidence intervals and a real-data baseline, alignment with the class,
    mask or caption, likelihood, memorisation, loss by timestep; for an autoencoder, reconstructions and latents.

    Writes DIR/report.html, a page without other files, and DIR/report.json. Ctrl-C stops it; rerun the same command to
    continue.

    Parameters
    ----------
    model
        A run folder or a .safetensors file, of a diffusion model or an autoencoder.
    data
        A folder of images, shards, tables (several of one kind are one source) or a built-in source, at the model's
        size. Default: the training data.
    training_data
        The training data of the model, if neither the run folder nor the model file says where it lies: the networks
        that score samples are trained on it, never on the data that samples are compared with.
    metrics
        Names, "frechet,kid,bound". Default: all that apply.
    condition
        Conditions of real images that samples get, "text,mask", or none. Default: all that the model and the data have.
    n
        Number of samples, or of images to reconstruct by an autoencoder. Scores of different numbers cannot be
        compared.
    features
        Feature network: efficientnet, classifier (trained on the data's labels), or a file .onnx, .safetensors or .pth.
    reference
        Samples are compared with at most this many images of the data. Default: 5,000. Scores of different numbers
        cannot be compared.
    seed
        Seed of the noise.
    out
        Folder of the report. Default: "evaluation" in the run folder, or next to the model file.
    batch
        Images per batch.
    likelihood_images
        Number of training images, and of held-out images, for the likelihood.
    device
        auto, cpu or cuda.
    threads
        CPU threads. Default: the number of cores of this process. Another number changes results by rounding only.
    """
    from debruit.apps.cli.tables import show_tables
    from debruit.reports import terminal
    from debruit.workflows.evaluate import EvaluateRequest
    from debruit.workflows.evaluate import evaluate as run
    from debruit.workflows.report_files import written
    from debruit.workflows.rerun import with_command

    request = EvaluateRequest(
        model,
        data=data,
        training_data=training_data,
        metrics=metrics,
        condition=condition,
        n=n,
        features=features,
        reference=reference,
        seed=seed,
        out=out,
        batch=batch,
        likelihood_images=likelihood_images,
        device=device,
    )
    prepare_process(threads)
    result = run(with_command("evaluate", request, threads=threads))
    show_tables(*terminal.tables(result.evaluation))
    for line in (*terminal.left_out(result.evaluation), written(result.paths)):
        say(line)
    return 0
