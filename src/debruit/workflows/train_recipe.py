"""A recipe for a training: adapted to real data, estimated without it, and put on a trained autoencoder."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from debruit import events
from debruit.autoencoders.autoencoder import Autoencoder
from debruit.conditioning import from_data
from debruit.data.dataset import Dataset
from debruit.data.source import Source
from debruit.data.split import Split
from debruit.errors import InputError, nearest
from debruit.models.autoencoder import FirstStage
from debruit.planning import conditions
from debruit.planning.split import held_out
from debruit.recipes import recipe_name, recipes
from debruit.training.config import AnyRun, AutoencoderRun, Run
from debruit.workflows.train_request import shown
from debruit.workflows.train_source import recipe_source


def adapted(
    run: AnyRun,
    source: Source,
    dataset: Dataset,
    split: Split,
    *,
    tokenizer: str | None = None,
    **changes: Any,
) -> AnyRun:
    """A recipe on real data: with its DataSpec and its conditions, and `changes` (None: not given) in place of its own
    settings. Captions are learnt from the training images of the split alone."""
    if dataset.spec.shape != run.data.shape:
        raise InputError(
            f"the recipe is for images of {run.data.shape} (channels, height, width) and {dataset.spec.name} gives "
            f"{dataset.spec.shape}: give --size, or train on the source without a recipe"
        )
    given = {key: value for key, value in changes.items() if value is not None}
    model: Any = replace(run.model, data=dataset.spec)
    if isinstance(run, Run):
        context = conditions.context(dataset, split, tokenizer=tokenizer)
        model = replace(model, conditioners=tuple(from_data.adapted(c, context) for c in run.model.conditioners))
    from_data.check_tokenizer(tokenizer, getattr(model, "conditioners", ()))
    if "images" in given:
        given["minutes"] = None
    given |= {"group": split.group, "own_parts": split.own_parts}
    return replace(run, source=source, model=model, validation_images=held_out(dataset.spec.count), **given)


def stated(name: str, assignments: Sequence[str], *, size: int | None, **given: Any) -> AnyRun | None:
    """The run of a recipe whose own data is not on this machine, by what the recipe states of that data: enough for an
    estimate, not for a training. None if the data is there."""
    run = recipes()[name]()
    try:
        recipe_source(run, None, size, assignments).build()
        return None
    except InputError as missing:
        if size is not None and size != run.data.height:
            raise
        channels, height, width = run.data.shape
        events.say(
            f"{missing}: estimated for the {run.data.count:,} images of {channels} x {height} x {width} that the "
            "recipe states"
        )
    if "images" in given:
        given["minutes"] = None
    return replace(run, validation_images=held_out(run.data.count), **given)


def first_stage_for(what: Any, on: Any, path: str | Path | None) -> FirstStage | None:
    """The trained autoencoder at `path` for the recipe on latents of this name, to be trained on the source `on`; None
    for any other recipe or source.

    InputError: none was given, one whose latents are of another size than the recipe's network, or one for what needs
    none.
    """
    name = recipe_name(what)
    run = recipes()[name]() if name in recipes() else None
    if not isinstance(run, Run) or not isinstance(run.model.codec, Autoencoder):
        if path is None:
            return None
        raise InputError(
            f"--autoencoder {path}: '{shown(what)}' is no recipe on latents"
            f"{nearest(name, recipes()) if run is None else ''}; an autoencoder is for those and for `debruit train "
            "ldm SOURCE`"
        )
    codec = run.model.codec
    needed = f"factor {codec.factor} and {codec.bottleneck.channels} latent channels"
    command, out = _first_stage_command(run, codec, None if on is None else shown(on))
    how = f"`{command} --out {out}`"
    if path is None:
        raise InputError(
            f"{name} needs a trained autoencoder of {needed}: train it first with {how}, then give --autoencoder {out}"
        )
    stage = FirstStage.load(path, "cpu")
    trained = stage.config.codec
    if (trained.factor, trained.bottleneck.channels) != (codec.factor, codec.bottleneck.channels):
        raise InputError(
            f"{name} needs an autoencoder of {needed}, and {path} has factor {trained.factor} and "
            f"{trained.bottleneck.channels}: train the right one with {how}, or a model that fits this one with "
            f"`debruit train ldm SOURCE --autoencoder {path}`"
        )
    return stage


def on_autoencoder(run: AnyRun, stage: FirstStage) -> Run:
    """A run on latents with the codec of the trained autoencoder in place of the recipe's: its shift, scale and
    fingerprint. InputError: images that cannot go through it."""
    assert isinstance(run, Run)
    stage.check_fits(run.data)
    return replace(run, model=replace(run.model, codec=stage.config.codec))


def _first_stage_command(run: Run, codec: Autoencoder, on: str | None) -> tuple[str, str]:
    """Return the command that trains such an autoencoder, by its own recipe if there is one, and a folder name."""
    first = next((name for name, r in _first_stages().items() if r.model.codec == codec), None)
    if first is not None:
        return f"debruit train {first} {on or './' + run.data.name}", f"runs/{first.partition('-')[0]}"
    size = f"--size {run.data.height} --factor {codec.factor}"
    return f"debruit train autoencoder {on or run.data.name} {size}", "runs/ae"


def _first_stages() -> dict[str, AutoencoderRun]:
    """Return the recipes of autoencoders."""
    runs = ((name, recipe()) for name, recipe in recipes().items())
    return {name: run for name, run in runs if isinstance(run, AutoencoderRun)}
