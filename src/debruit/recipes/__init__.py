"""Recipes: functions that return a Run, named for data and size; each says what it costs, what to expect, and its command.

Without a recipe the settings are sized from the data, the machine and the budget (training/planning.py).
"""

import importlib
import pkgutil
from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from typing import Any

import torch

from debruit.conditioning.cond import Conditioner
from debruit.conditioning.label import Label
from debruit.config import override
from debruit.data.dataset import Dataset
from debruit.data.source import Source
from debruit.data.sources import builtin_sources, find_source
from debruit.errors import InputError, nearest, unknown
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
    assignments: Sequence[str] = (),
    *,
    size: int | None = None,
    **asked: Any,
) -> tuple[Run, Dataset]:
    """The run that `debruit train WHAT [ON]` means, and its data, decoded. WHAT is a recipe, or else a source; `assignments` that begin with
    "source." change the source before its data is built; `asked` are images, minutes, batch, seed and flip, None where not given."""
    known = recipes()
    name = what.replace("_", "-")
    if name not in known:
        if on is not None:
            raise unknown("recipe", what, known)
        try:
            source = find_source(what)
        except InputError:
            hint = nearest(what, [*known, *builtin_sources()])
            if any(name in hint for name in known):
                raise InputError(f"there is no source, folder or recipe '{what}'{hint}") from None
            raise
        source, dataset = built(source, say, assignments, size=size)
        given = {key: value for key, value in asked.items() if value is not None}
        return planning.recommend(source, dataset.spec, device, **given), dataset
    run = known[name]()
    source: Any = run.source if on is None else find_source(on)
    if size is not None or (on is not None and "size" in {f.name for f in fields(source)}):
        source = sized(source, size or run.model.data.height)
    source = changed(source, assignments)
    dataset = source.build(say)
    return adapted(run, source, dataset, **asked), dataset


def find_data(
    what: str, say: Callable[[str], None], assignments: Sequence[str] = (), *, size: int | None = None
) -> tuple[Any, Dataset]:
    """The source that a SOURCE argument means, and its data, decoded."""
    return built(find_source(what), say, assignments, size=size)


def built(
    source: Any, say: Callable[[str], None], assignments: Sequence[str], *, size: int | None
) -> tuple[Any, Dataset]:
    """The source as it was asked for, and its data."""
    source = changed(sized(source, size), assignments)
    return source, source.build(say)


def changed(source: Any, assignments: Sequence[str]) -> Any:
    """The source with the "source.KEY=VALUE" among the assignments made."""
    for assignment in assignments:
        if assignment.startswith("source."):
            source = override(source, assignment.removeprefix("source."))
    return source


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
