"""Recipes: functions that return a Run or an AutoencoderRun, named for data and size; each says what it costs, what to expect, and its command.

A recipe on latents has the codec of an untrained autoencoder, in whose place a trained one comes (`first_stage_for`, `on_autoencoder`).
Without a recipe the settings are sized from the data, the machine and the budget (planning/heuristics.py).
"""

import importlib
import pkgutil
from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import torch

from debruit.autoencoders.autoencoder import Autoencoder
from debruit.data.dataset import Dataset
from debruit.data.find import builtin_sources, find_source
from debruit.data.source import Source
from debruit.errors import SUGGESTED, InputError, holding, nearest, unknown
from debruit.models.autoencoder import FirstStage
from debruit.overrides import override
from debruit.planning import conditions, heuristics
from debruit.planning.division import with_division
from debruit.recipes.adapting import met
from debruit.training.config import AutoencoderRun, Run, TrainingConfig


def recipes() -> dict[str, Callable[[], Run | AutoencoderRun]]:
    """Every recipe by its name as people type it: the functions without parameters of this package's modules that are annotated to return a run."""
    found = {}
    for module in pkgutil.iter_modules(__path__, __name__ + "."):
        for name, function in vars(importlib.import_module(module.name)).items():
            annotations = getattr(function, "__annotations__", {})
            own = getattr(function, "__module__", "") == module.name
            if own and set(annotations) == {"return"} and annotations["return"] in (Run, AutoencoderRun):
                found[name.replace("_", "-")] = function
    return found


def find_run(
    what: str | Sequence[str],
    on: str | Sequence[str] | None,
    device: torch.device,
    say: Callable[[str], None],
    assignments: Sequence[str] = (),
    *,
    size: int | None = None,
    condition: Sequence[str] | None = None,
    words: str | None = None,
    group: str | None = None,
    data: tuple[Any, Dataset] | None = None,
    **asked: Any,
) -> tuple[Run | AutoencoderRun, Dataset]:
    """The run that `debruit train WHAT [ON]` means, and its data, decoded. WHAT is a recipe, or else a source; `assignments` that begin with
    "source." change the source before its data is built, unless the source and its `data` are given; `condition` names the conditions (None: what the
    data has), `words` the words of its captions and `group` which images are held out together; `asked` are images, minutes, batch,
    seed and flip, None where not given."""
    known = recipes()
    name = recipe_name(what)
    if name not in known:
        if on is not None:
            raise _unknown_recipe(str(what), on if isinstance(on, str) else on[0], list(known))
        source, dataset = data or find_data(what, say, assignments, size=size, condition=condition)
        given = {key: value for key, value in asked.items() if value is not None}
        found = conditions.conditioners(
            source, dataset, condition, seed=given.get("seed", 0), assignments=assignments, words=words, group=group
        )
        parted = conditions.planned_split(
            dataset,
            seed=given.get("seed", 0),
            assignments=assignments,
            group=group,
            reads=[c.reads for c in found],
        )
        run = heuristics.recommend(source, dataset.spec, device, conditioners=found, split=parted, **given)
        return with_division(run, dataset, group), dataset
    if condition is not None:
        raise InputError(f"--condition: the recipe {name} says what it is conditioned on; leave the flag out")
    run = known[name]()
    source = _source_of(run, on, size, assignments)
    dataset = source.build()
    return with_division(adapted(run, source, dataset, assignments, words, group, **asked), dataset, group), dataset


def _source_of(
    run: Run | AutoencoderRun, on: str | Sequence[str] | None, size: int | None, assignments: Sequence[str]
) -> Any:
    """What a recipe is trained on: its own source, or `on`, at its size and with its conditions."""
    source: Any = run.source if on is None else find_source(on)
    if size is not None or (on is not None and "size" in {f.name for f in fields(source)}):
        source = sized(source, size or run.data.height)
    if isinstance(run, Run):
        source = conditions.offering(source, [c.field for c in run.model.conditioners])
    return changed(source, assignments)


def recipe_name(what: str | Sequence[str]) -> str:
    """The name of a recipe as it is listed, where this is one; "" for several sources."""
    return what.replace("_", "-") if isinstance(what, str) else ""


def stated(
    what: str | Sequence[str],
    say: Callable[[str], None],
    assignments: Sequence[str] = (),
    *,
    size: int | None = None,
    **asked: Any,
) -> Any:
    """The run of a recipe whose own data is not at hand, by what the recipe states of that data, which is said; None for anything else. Enough for an
    estimate, not for a training."""
    name, known = recipe_name(what), recipes()
    if name not in known:
        return None
    run = known[name]()
    try:
        _source_of(run, None, size, assignments).build()
        return None
    except InputError as missing:
        if size is not None and size != run.data.height:
            raise
        channels, height, width = run.data.shape
        say(
            f"{missing}: estimated for the {run.data.count:,} images of {channels} x {height} x {width} that the recipe states"
        )
    given = {key: value for key, value in asked.items() if value is not None}
    if "images" in given:
        given["minutes"] = None
    return replace(run, validation_images=heuristics.held_out(run.data.count), **given)


def _unknown_recipe(what: str, on: str, known: Sequence[str]) -> InputError:
    """Where the words given together are in the name of a recipe, that is named."""
    together = holding([what, on], known)
    if together:
        names = " or ".join(f"`debruit train {name}`" for name in together[:SUGGESTED])
        return InputError(f"there is no recipe '{what}', did you mean {names}?")
    return unknown("recipe", what, known)


def find_data(
    what: str | Sequence[str],
    say: Callable[[str], None],
    assignments: Sequence[str] = (),
    *,
    size: int | None = None,
    condition: Sequence[str] | None = None,
) -> tuple[Any, Dataset]:
    """The source that a SOURCE argument means, and its data, decoded. InputError: there is none; a recipe of nearly that name is named."""
    try:
        source = find_source(what)
    except InputError:
        if not isinstance(what, str):
            raise
        known = recipes()
        hint = nearest(what, [*known, *builtin_sources()])
        if any(name in hint for name in known):
            raise InputError(f"there is no source, folder or recipe '{what}'{hint}") from None
        raise
    source = conditions.offering(changed(sized(source, size), assignments), condition)
    return source, source.build()


def changed(source: Any, assignments: Sequence[str]) -> Any:
    """The source with the "source.KEY=VALUE" among the assignments made."""
    for assignment in assignments:
        if assignment.startswith("source."):
            source = override(source, assignment.removeprefix("source."))
    return source


def adapted(
    run: TrainingConfig,
    source: Source,
    dataset: Dataset,
    assignments: Sequence[str] = (),
    words: str | None = None,
    group: str | None = None,
    **changes: Any,
) -> Any:
    """A recipe on real data: its DataSpec and conditions are those of the data, and the flags that were given replace its own. Of the `assignments`, which
    are made later, those count that say what is held out: its captions are not learnt from."""
    assert isinstance(run, Run | AutoencoderRun)
    if dataset.spec.shape != run.data.shape:
        raise InputError(
            f"the recipe is for images of {run.data.shape} (channels, height, width) and {dataset.spec.name} gives "
            f"{dataset.spec.shape}: give --size, or train on the source without a recipe"
        )
    given = {key: value for key, value in changes.items() if value is not None}
    model: Any = replace(run.model, data=dataset.spec)
    if isinstance(run, Run):
        of = conditions.material(
            dataset,
            seed=given.get("seed", run.seed),
            assignments=assignments,
            words=words,
            group=group,
            reads=[c.reads for c in run.model.conditioners],
        )
        model = replace(model, conditioners=tuple(met(c, of) for c in run.model.conditioners))
    conditions.check_words(words, getattr(model, "conditioners", ()))
    if "images" in given:
        given["minutes"] = None
    return replace(run, source=source, model=model, validation_images=heuristics.held_out(dataset.spec.count), **given)


def first_stage_for(what: str | Sequence[str], on: str | Sequence[str] | None, path: Path | None) -> FirstStage | None:
    """The trained autoencoder at `path` for the recipe on latents of this name, to be trained on the source `on`; None for any other recipe or source.

    InputError: none was given, one whose latents are of another size than the recipe's network, or one for what needs none.
    """
    name = recipe_name(what)
    run = recipes()[name]() if name in recipes() else None
    if not isinstance(run, Run) or not isinstance(run.model.codec, Autoencoder):
        if path is not None:
            raise InputError(
                f"--autoencoder {path}: '{what}' is no recipe on latents{nearest(name, recipes()) if run is None else ''}; an autoencoder is for those "
                "and for `debruit train ldm SOURCE`"
            )
        return None
    codec = run.model.codec
    needed = f"factor {codec.factor} and {codec.bottleneck.channels} latent channels"
    command, out = _first_stage_command(run, codec, on if on is None or isinstance(on, str) else " ".join(on))
    how = f"`{command} --out {out}`"
    if path is None:
        raise InputError(
            f"{name} needs a trained autoencoder of {needed}: train it first with {how}, then give --autoencoder {out}"
        )
    stage = FirstStage.load(path, "cpu")
    found = stage.config.codec
    if (found.factor, found.bottleneck.channels) != (codec.factor, codec.bottleneck.channels):
        raise InputError(
            f"{name} needs an autoencoder of {needed}, and {path} has factor {found.factor} and {found.bottleneck.channels}: train the right one "
            f"with {how}, or a model that fits this one with `debruit train ldm SOURCE --autoencoder {path}`"
        )
    return stage


def on_autoencoder(run: Run | AutoencoderRun, stage: FirstStage) -> Run:
    """A run on latents with the trained autoencoder's codec in place of the recipe's: its shift, scale and fingerprint. InputError: images that
    cannot go through it."""
    assert isinstance(run, Run)
    stage.check_fits(run.data)
    return replace(run, model=replace(run.model, codec=stage.config.codec))


def _first_stage_command(run: Run, codec: Autoencoder, on: str | None) -> tuple[str, str]:
    """How an autoencoder like this is trained on the recipe's data, by its own recipe where it has one; and what the run may be called."""
    first = next((name for name, r in _first_stages().items() if r.model.codec == codec), None)
    if first is not None:
        return f"debruit train {first} {on or './' + run.data.name}", f"runs/{first.partition('-')[0]}"
    size = f"--size {run.data.height} --factor {codec.factor}"
    return f"debruit train autoencoder {on or run.data.name} {size}", "runs/ae"


def _first_stages() -> dict[str, AutoencoderRun]:
    """The recipes of autoencoders."""
    found = ((name, recipe()) for name, recipe in recipes().items())
    return {name: run for name, run in found if isinstance(run, AutoencoderRun)}


def sized(source: Any, size: int | None) -> Any:
    """The source at another size of images, where it has one."""
    if size is None:
        return source
    if size < 4:
        raise InputError(f"--size {size}: images need at least 4 pixels a side")
    if "size" not in {f.name for f in fields(source)}:
        raise InputError(f"--size {size}: {type(source).__name__} has images of one size only; leave --size out")
    return replace(source, size=size)
