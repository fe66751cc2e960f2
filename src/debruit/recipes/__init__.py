"""Recipes: functions that return a Run or an AutoencoderRun, named for data and size; each says what it costs, what to
expect, and its command.

A recipe on latents has the codec of an untrained autoencoder, which a trained one replaces (workflows/train_recipe.py).
Without a recipe the settings are sized from the data, the machine and the budget (planning/heuristics.py).
"""

import importlib
import pkgutil
from collections.abc import Callable

from debruit.training.config import AutoencoderRun, Run


def recipes() -> dict[str, Callable[[], Run | AutoencoderRun]]:
    """Return every recipe by its name as people type it: the functions without parameters in this package's modules
    that are annotated to return a run."""
    by_name = {}
    for module in pkgutil.iter_modules(__path__, __name__ + "."):
        for name, function in vars(importlib.import_module(module.name)).items():
            annotations = getattr(function, "__annotations__", {})
            own = getattr(function, "__module__", "") == module.name
            if own and set(annotations) == {"return"} and annotations["return"] in (Run, AutoencoderRun):
                by_name[name.replace("_", "-")] = function
    return by_name


def recipe_name(what: object) -> str:
    """Return a recipe's name as it is listed for what was typed; "" for anything else, such as several paths."""
    return what.replace("_", "-") if isinstance(what, str) else ""
