"""`debruit list`: the recipes, samplers, models and data sources that there are."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from debruit.data.find import builtin_sources
from debruit.errors import InputError, unknown
from debruit.models.model_file import header, shipped
from debruit.recipes import recipes
from debruit.sampling.sampler import Sampler
from debruit.seams import names, plugin_of, required

SHARE_ALIKE = "-SA-"  # in the SPDX identifier of a licence that derived works must keep
Kind = Literal["recipes", "samplers", "models", "data"]


@dataclass(frozen=True)
class Entry:
    """A name, as it is given to other verbs, and a line about it."""

    name: str
    description: str


def listing(what: Kind) -> list[Entry]:
    """Return all recipes, samplers, data sources, or models: those that come with debruit, and those below the current
    directory. InputError: another word."""
    kinds = {"recipes": _recipes, "samplers": _samplers, "models": _models, "data": _data}
    if what not in kinds:
        raise unknown("kind", what, kinds)
    return kinds[what]()


def _recipes() -> list[Entry]:
    return [Entry(name, _first_paragraph(recipe.__doc__)) for name, recipe in sorted(recipes().items())]


def _samplers() -> list[Entry]:
    """Samplers by the name that --sampler, --set and every table use."""
    samplers: dict[str, Any] = names(Sampler)
    return [
        Entry(name, f"{_first_paragraph(_documentation(cls))} (order {cls.order}, {_cost(cls)})")
        for name, cls in sorted(samplers.items())
    ]


def _cost(sampler: Any) -> str:
    """Network evaluations per step; for a sampler without defaults, the values that it needs."""
    if missing := required(sampler):
        return f"needs a value for {', '.join(missing)}"
    cost = sampler().evaluations(11) - sampler().evaluations(10)
    return f"{cost} network evaluation{'s' if cost > 1 else ''} per step"


def _documentation(cls: type) -> str | None:
    """The docstring that describes a class: of debruit's own samplers, one to a file, that of the module."""
    return cls.__doc__ if plugin_of(cls) else sys.modules[cls.__module__].__doc__


def _data() -> list[Entry]:
    return [Entry(name, _first_paragraph(cls.__doc__)) for name, cls in sorted(builtin_sources().items())]


def _models() -> list[Entry]:
    """Models by their headers alone."""
    entries = [Entry(name, f"comes with debruit; {_about(header(path))}") for name, path in shipped().items()]
    for path in sorted(Path().glob("**/*.safetensors")):
        if path.parent.name == "state":
            continue
        try:
            about = _about(header(path))
        except InputError:
            continue
        entries.append(Entry(str(path.parent if path.name == "model.safetensors" else path), about))
    return entries


def _about(head: dict[str, Any]) -> str:
    provenance = head["provenance"]
    data = head["config"].get("data") or {}
    return f"{provenance.get('data', '?')}, {provenance.get('images_seen', 0):,} images seen" + _attribution(data)


def _attribution(data: dict[str, Any]) -> str:
    """Return whose images a model was trained on, where their licences ask for it, and the model's own licence where
    one of them asks for that too."""
    licences = data.get("licences") or []
    if not licences:
        return ""
    named = ", ".join(f"{one['name']} ({one['author']}, {one['licence']}, {one['url']})" for one in licences)
    alike = sorted({one["licence"] for one in licences if SHARE_ALIKE in one["licence"]})
    return f"; trained on {named}" + (f"; its weights are under {' and '.join(alike)}" if alike else "")


def _first_paragraph(docstring: str | None) -> str:
    return " ".join((docstring or "").strip().split("\n\n")[0].split())
