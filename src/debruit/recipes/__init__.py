"""Recipes: functions that return a Run, named for data and size; each says what it costs, what to expect, and its command.

Without a recipe the settings are sized from the data, the machine and the budget (training/planning.py).
"""

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

import torch

from debruit.conditioning.cond import Conditioner
from debruit.conditioning.label import Label
from debruit.data.dataset import Dataset
from debruit.data.source import Source
from debruit.data.sources import find_source
from debruit.errors import InputError, unknown
from debruit.training import planning
from debruit.training.run import Run


def recipes() -> dict[str, Callable[[], Run]]:
    """Every recipe by its name as people type it: the public functions of this package's modules that return a Run."""
    found = {}
    for module in pkgutil.iter_modules(__path__, __name__ + "."):
        for name, function in vars(importlib.import_module(module.name)).items():
            if (
                getattr(function, "__module__", "") == module.name
                and getattr(function, "__annotations__", {}).get("return") is Run
            ):
                found[name.replace("_", "-")] = function
    return found


def find_run(
    what: str,
    on: str | None,
    device: torch.device,
    say: Callable[[str], None],
    *,
    images: int | None,
    minutes: float | None,
    batch: int | None,
    size: int | None,
    seed: int,
    flip: bool,
) -> tuple[Run, Dataset]:
    """The run that `debruit train WHAT [ON]` means, and its data, decoded. WHAT is a recipe, or else a source."""
    known = recipes()
    if what.replace("_", "-") not in known:
        if on is not None:
            raise unknown("recipe", what, known)
        try:
            source = sized(find_source(what), size)
        except InputError as error:
            if what.replace("_", "-").isidentifier() or "/" in what:
                raise
            raise InputError(f"{error}; recipes are {', '.join(known)}") from None
        dataset = source.build(say)
        run = planning.recommend(
            source, dataset.spec, device, images=images, minutes=minutes, batch=batch, seed=seed, flip=flip
        )
        return run, dataset
    run = known[what.replace("_", "-")]()
    source = sized(find_source(on), size or run.model.data.height) if on is not None else run.source
    dataset = source.build(say)
    return adapted(run, source, dataset, images=images, minutes=minutes, batch=batch, seed=seed, flip=flip), dataset


def adapted(run: Run, source: Source, dataset: Dataset, **changes) -> Run:
    """A recipe on real data: its DataSpec and conditions are those of the data, and the flags that were given replace its own."""
    model = replace(run.model, data=dataset.spec)
    if model.latent_shape != run.model.latent_shape:
        raise InputError(
            f"the recipe is for images of {run.model.latent_shape} (channels, height, width) and {dataset.spec.name} gives "
            f"{model.latent_shape}: give --size, or train on the source without a recipe"
        )
    model = replace(model, conditioners=tuple(_of_classes(c, dataset) for c in model.conditioners))
    given = {key: value for key, value in changes.items() if value is not None}
    if "images" in given:
        given["minutes"] = None
    return replace(run, source=source, model=model, validation_images=planning.held_out(dataset.spec.count), **given)


def _of_classes(conditioner: Conditioner, dataset: Dataset) -> Conditioner:
    """A label conditioner with the classes of the data; any other as it is."""
    if not isinstance(conditioner, Label):
        return conditioner
    if not dataset.spec.class_names:
        raise InputError(
            f"the recipe is conditioned on classes and {dataset.spec.name} has none: put the images into subfolders"
        )
    return replace(conditioner, names=dataset.spec.class_names)


def sized(source: Any, size: int | None) -> Any:
    """The source at another size of images, where it has one."""
    if size is None:
        return source
    if size < 4:
        raise InputError(f"--size {size}: images need at least 4 pixels a side")
    if "size" not in {f.name for f in fields(source)}:
        raise InputError(f"--size {size}: {type(source).__name__} has images of one size only; leave --size out")
    return replace(source, size=size)
