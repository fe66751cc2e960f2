"""debruit train"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from debruit.apps.cli import command
from debruit.apps.cli.numbers import Batch, Factor, Images, ImageSet, Minutes, Seed, Threads
from debruit.apps.cli.sources import Sources
from debruit.apps.threads import recorded, set_threads
from debruit.errors import InputError
from debruit.workflows.request import Request
from debruit.workflows.session import folder_for, follow, priced, replanner, say, settled
from debruit.workflows.two_stage import better_on_latents, follow_stages, start_stages

STAGES = ("autoencoder", "ldm")


def train(
    *what: Annotated[
        str,
        Parameter(
            name=["SOURCE|RECIPE"],
            help="A folder of images, tar shards, Parquet files or a built-in source; or a recipe, then what to train it on instead of its own source.",
        ),
    ],
    out: Path | None = None,
    resume: Path | None = None,
    data: Sources = None,
    images: Images | None = None,
    minutes: Minutes | None = None,
    batch: Batch | None = None,
    size: ImageSet | None = None,
    seed: Seed | None = None,
    flip: Annotated[bool | None, Parameter(negative="")] = None,
    device: str = "auto",
    threads: Threads = None,
    set_: Annotated[list[str] | None, Parameter(name="--set", negative="")] = None,
    autoencoder: Path | None = None,
    factor: Factor | None = None,
    bottleneck: Literal["kl", "vq"] | None = None,
    condition: str | None = None,
    words: str | None = None,
    group: str | None = None,
    pixels: Annotated[bool, Parameter(negative="")] = False,
    dry_run: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Train a model, and keep everything in one run folder.

    SOURCE is a folder of images, or tar shards, Parquet files or several of them (shards/*.tar), or a built-in source (debruit list data); settings are sized
    from the data, the machine and the budget, and printed. RECIPE
    is a name from `debruit list recipes`, with its own source or the SOURCE after it; or `autoencoder`, the first stage of latent diffusion; or `ldm`, a latent
    diffusion model, both stages under one budget, or the second on a finished --autoencoder. Ctrl-C saves; --resume continues exactly.

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
        Length of the training, in minutes of wall-clock, everything included. Without --images or --minutes: 20, or what the recipe says.
    batch
        Images per optimiser step, over all devices.
    size
        Side of the images that a folder is brought to, in pixels.
    seed
        Decides the initial weights, the order of the data and the noise; 0 if not given.
    flip
        Mirror images at random: for data whose mirror image means the same.
    device
        auto, cpu or cuda.
    threads
        CPU threads, by default as many as this process has cores; a resumed run keeps its number, since another changes weights by rounding.
    set_
        Change one setting: KEY=VALUE, as in run.json, for example optimiser.lr=3e-4 or model.process=VPCosine. May be repeated.
    autoencoder
        For ldm: a finished autoencoder, a run folder or a .safetensors file.
    factor
        For autoencoder and ldm: by how much each side of the images is reduced, a power of 2.
    bottleneck
        For autoencoder and ldm: kl, a Gaussian latent, or vq, a codebook.
    condition
        What to condition on: one or several of label, mask, text, sentence (captions through a frozen encoder), image (a low resolution of it, for
        super-resolution), edges and first (the first frame of its folder), "a,b", or none; without it, what lies beside the images.
    words
        For captions: bert, the word pieces of BERT-uncased and what they mean, which is the default where they are installed; captions, pieces made of
        the captions; or the path of a vocab.txt.
    group
        Which images belong together (a patient, a scene) and are held out together: a column of the data's tables, a pattern of file names whose brackets hold
        the group ('p([0-9]+)_'), folder, the folder that an image is in, sequence (a folder of frames), or none.
    pixels
        Train on pixels also where latents would give better images for the minutes.
    dry_run
        Print the settings, the memory and the time, and stop.
    """
    from debruit.models.diffusion import choose_device
    from debruit.planning import conditions
    from debruit.training.allocator import prepare

    prepare()
    set_threads(threads, recorded=None if resume is None or threads else recorded(resume))
    place = choose_device(device)
    if images is not None and minutes is not None:
        raise InputError("--images and --minutes both set the length of the training: give one of them")
    named, on = arranged(what)
    asked = Request(
        what=named, on=on, out=out, images=images, minutes=minutes, batch=batch, size=size, seed=seed, flip=flip,
        condition=conditions.parse(condition), words=words, group=group, assignments=tuple(set_ or ()), dry_run=dry_run, autoencoder=autoencoder, factor=factor,
        bottleneck=bottleneck, started=command.started(),
    )  # fmt: skip
    if resume is not None:
        given = asked.flags(
            "batch", "size", "seed", "flip", "autoencoder", "factor", "bottleneck", "condition", "words", "group"
        )
        given += (
            ["--pixels"] * pixels
            + ["--set"] * bool(set_)
            + ["--dry-run"] * dry_run
            + ["SOURCE"] * bool(what)
            + ["--out"] * (out is not None)
        )
        if given:
            raise InputError(
                f"--resume continues a run as its run.json says, so {', '.join(given)} cannot be given; only a length can"
            )
        return _resume(resume, place, images, minutes, data)
    if data is not None:
        raise InputError(
            f"--data {' '.join(data)} is for --resume, when the data of a run was moved: name what to train on without a flag"
        )
    if not what:
        raise InputError("name what to train on: a folder of images, a built-in source (debruit list data) or a recipe")
    if out is None and not dry_run:
        raise InputError("name the run folder to make: --out runs/NAME")
    return _start(asked, place, pixels=pixels)


def arranged(names: Sequence[str]) -> tuple[str | tuple[str, ...], str | tuple[str, ...] | None]:
    """What to train, and on what (None: its own source), from the arguments: a recipe and sources, or sources alone. Several sources are a tuple."""
    from debruit.recipes import recipe_name, recipes

    def one(sources: Sequence[str]) -> str | tuple[str, ...]:
        return sources[0] if len(sources) == 1 else tuple(sources)

    first, rest = (names[0], names[1:]) if names else ("", ())
    if first in STAGES or not rest or recipe_name(first) in recipes():
        return first, one(rest) if rest else None
    there = Path(first).expanduser().exists() or set("/\\.{*?[") & set(first)  # no recipe is called so
    return (one(names), None) if there or len(rest) > 1 else (first, one(rest))  # else a misspelt recipe


def _start(asked: Request, device, *, pixels: bool) -> int:
    from debruit.planning import two_stage
    from debruit.recipes import find_data, find_run, first_stage_for, on_autoencoder, recipe_name, recipes, stated
    from debruit.training.run_folder import check_free

    if asked.out is not None:
        check_free(asked.out)
    if asked.what in STAGES:
        return start_stages(asked, device)
    asked.refuse(
        "factor", "bottleneck", because="that is for `debruit train autoencoder SOURCE` and `debruit train ldm SOURCE`"
    )
    data, path = None, asked.autoencoder
    if asked.on is None and path is None and recipe_name(asked.what) not in recipes():
        data = find_data(asked.what, say, asked.assignments, size=asked.size, condition=asked.condition)
        if not pixels and better_on_latents(data[1].spec, asked, device):
            return start_stages(replace(asked, what="ldm", on=asked.what), device, data)
    if asked.dry_run and asked.on is None and data is None:
        described = stated(asked.what, say, asked.assignments, size=asked.size, **asked.settings)
        if described is not None:
            return priced(settled(described, list(asked.assignments), device), device)
    # what a recipe on latents costs is known without its autoencoder
    stage = None if asked.dry_run and path is None else first_stage_for(asked.what, asked.on, path)
    run, dataset = find_run(
        asked.what, asked.on, device, say, asked.assignments, size=asked.size, condition=asked.condition, words=asked.words,
        group=asked.group, data=data, **asked.settings,
    )  # fmt: skip
    if stage is not None:
        run = on_autoencoder(run, stage)
    run = settled(run, list(asked.assignments), device, dataset)
    if asked.dry_run:
        return priced(run, device)
    folder = folder_for(asked.folder, run) if stage is None else two_stage.create(asked.folder, run, stage)
    by_plan = recipe_name(asked.what) not in recipes()  # a recipe says which network it means
    replan = (
        replanner(run, device, dataset, batch=asked.batch, assignments=list(asked.assignments)) if by_plan else None
    )
    return follow(folder, dataset, device, resume=False, began=asked.started, replan=replan)


def _resume(path: Path, device, images: int | None, minutes: float | None, data: list[str] | None) -> int:
    from debruit.planning import two_stage
    from debruit.training.run_folder import RunFolder, check_writable

    check_writable(path, flag="--resume")
    plan = two_stage.pending(path)
    if plan is not None:
        if images is not None or minutes is not None:
            raise InputError(
                f"{path} is still in its first stage, whose share of the budget is set: resume it without a length"
            )
        source, dataset = _data_of(path, plan.first, data)
        plan = replace(plan, first=replace(plan.first, source=source))
        folder = two_stage.first_folder(path, plan)
        return follow_stages(path, folder, dataset, device, plan, resume=True, began=command.started())
    _, dataset = _data_of(path, RunFolder.open(path).run, data)
    folder = RunFolder.open(path, images=images, minutes=minutes)
    return follow(folder, dataset, device, resume=True, began=command.started())


def _data_of(path: Path, run: Any, data: list[str] | None) -> tuple[Any, Any]:
    """The source and the data of a run, by its run.json or at the place where it lies now, which its files name from then on."""
    from debruit.data.sources.moved import moved
    from debruit.training.moving import move

    if data is not None:
        source, dataset = moved(run.source, data, run.data.fingerprint)
        move(path, source)
        return source, dataset
    try:
        return run.source, run.source.build()
    except InputError as error:
        raise InputError(
            f"{error}. If the data of this run was moved: debruit train --resume {path} --data PLACE"
        ) from None
