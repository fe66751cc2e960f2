"""debruit train"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from debruit.apps.cli import command
from debruit.apps.cli.numbers import Batch, Factor, Images, Minutes, Seed, SideLength, Threads
from debruit.apps.cli.sources import Sources
from debruit.apps.console import say
from debruit.apps.process import prepare_process
from debruit.apps.threads import recorded

if TYPE_CHECKING:
    from debruit.training.config import TrainingConfig
    from debruit.workflows.train import TrainResult


def train(
    *what: Annotated[
        str,
        Parameter(
            name=["SOURCE|RECIPE"],
            help="A folder of images, tar shards, Parquet files or a built-in source; or a recipe, then what to train "
            "it on instead of its own source.",
        ),
    ],
    out: Path | None = None,
    resume: Path | None = None,
    data: Sources = None,
    images: Images | None = None,
    minutes: Minutes | None = None,
    batch: Batch | None = None,
    size: SideLength | None = None,
    seed: Seed | None = None,
    flip: Annotated[bool | None, Parameter(negative="")] = None,
    device: str = "auto",
    threads: Threads = None,
    set_: Annotated[list[str] | None, Parameter(name="--set", negative="")] = None,
    autoencoder: Path | None = None,
    factor: Factor | None = None,
    bottleneck: Literal["kl", "vq"] | None = None,
    condition: str | None = None,
    tokenizer: str | None = None,
    group: str | None = None,
    pixels: Annotated[bool, Parameter(negative="")] = False,
    dry_run: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Train a model and keep everything in one run folder.

    SOURCE is a folder of images, tar shards or Parquet files, several of them (shards/*.tar), or a built-in source
    (debruit list data). Settings are chosen for the data, the machine and the budget, and printed. RECIPE is a name
    from `debruit list recipes`, with its own source or the SOURCE after it; or `autoencoder`, the first stage of latent
    diffusion; or `ldm`, a latent diffusion model: both stages under one budget, or the second on a finished
    --autoencoder. Ctrl-C saves; --resume continues exactly.

    Parameters
    ----------
    out
        The run folder to make.
    resume
        A run folder to continue; --images or --minutes may prolong it.
    data
        With --resume: where the data of the run lies now, if it was moved. Its content must be the same.
    images
        Length of the training, in images seen.
    minutes
        Length of the training, in minutes of wall-clock, everything included. Default without --images: 20, or the
        length of the recipe.
    batch
        Images per optimiser step, over all devices.
    size
        Resize images to this side length, in pixels.
    seed
        Determines the initial weights, the order of the data and the noise. Default: 0.
    flip
        Mirror images at random, for data whose mirror image means the same.
    device
        auto, cpu or cuda.
    threads
        CPU threads; by default as many as this process has cores. A resumed run keeps its number, since another changes
        weights by rounding.
    set_
        Change one setting: KEY=VALUE, as in run.json, for example optimiser.lr=3e-4 or model.process=VPCosine. May
        be repeated.
    autoencoder
        For ldm: a finished autoencoder, a run folder or a .safetensors file.
    factor
        For autoencoder and ldm: the factor by which each side of the images is reduced, a power of 2.
    bottleneck
        For autoencoder and ldm: kl, a Gaussian latent, or vq, a codebook.
    condition
        Conditions, "a,b": one or several of label, mask, text, sentence (captions through a frozen encoder), low-res (a
        low resolution of the image, for super-resolution), canny (its edges) and first-frame (the first frame of its
        folder); or none. Default: the classes, masks and captions that come with the images.
    tokenizer
        For captions: bert, the word pieces of BERT-uncased with their embeddings, the default if they are installed;
        captions, word pieces made from the captions; or the path of a vocab.txt.
    group
        Hold out images of one group (a patient, a scene) together. The group is a column of the data's tables, a
        pattern of file names whose brackets hold it ('p([0-9]+)_'), folder (the folder that an image is in), sequence
        (a folder of frames), or none.
    pixels
        Train on pixels even if latents would give better images in these minutes.
    dry_run
        Print the settings, the memory and the time, and stop.
    """
    from debruit.workflows.train import train as run
    from debruit.workflows.train_request import TrainRequest
    from debruit.workflows.train_source import arranged

    prepare_process(threads, recorded=None if resume is None or threads else recorded(resume))
    source, on = arranged(what)
    result = run(
        TrainRequest(
            source or None,
            on,
            out=out,
            resume=resume,
            data=data,
            images=images,
            minutes=minutes,
            batch=batch,
            size=size,
            seed=seed,
            flip=flip,
            device=device,
            set=set_ or (),
            autoencoder=autoencoder,
            factor=factor,
            bottleneck=bottleneck,
            condition=condition,
            tokenizer=tokenizer,
            group=group,
            pixels=pixels,
            dry_run=dry_run,
            started=command.started(),
        )
    )
    return show(result)


def show(result: "TrainResult") -> int:
    """Report what was trained and the next command; return the exit code."""
    if result.folder is None:
        return 0
    if result.interrupted:
        where = " in the first stage" if result.in_first_stage else ""
        say(f"interrupted{where}, state saved: resume with  debruit train --resume {result.folder}")
        return 130
    say(f"done: {result.model}; {next_step(result.run, result.folder)}")
    return 0


def next_step(run: "TrainingConfig", path: Path) -> str:
    """Return what to do with a finished model, as text and a command."""
    from debruit.conditioning.base import keyword
    from debruit.conditioning.batch import example
    from debruit.training.config import Run

    if not isinstance(run, Run):
        return f"train on its latents with  debruit train ldm SOURCE --autoencoder {path} --out DIR"
    spec, conditioners = run.model.data, run.model.conditioners
    needed = [c for c in conditioners if c.drop == 0 and c.in_turn(range(1), spec) is None]
    if any(c.name == "low-res" for c in needed):
        return f"enlarge images with  debruit upscale {path} --image small.png"
    prompted = [c for c in conditioners if keyword(c) == "prompt" and c not in needed]
    given = [example(c) for c in [*needed, *prompted]]
    return f"generate images with  {' '.join([f'debruit sample {path}', *given, '-n 16 --out grid.png'])}"
