"""debruit list"""

from typing import Any, Literal

from debruit.console import say, text_only


def listing(what: Literal["recipes", "samplers", "models", "data"], /) -> int:
    """List what there is, with a line on each.

    Parameters
    ----------
    what
        recipes, samplers, models (those that come with debruit, and those below the present folder) or data.
    """
    text_only()
    lines = {"recipes": _recipes, "samplers": _samplers, "models": _models, "data": _data}[what]()
    width = max((len(name) for name, _ in lines), default=0)
    for name, text in lines:
        say(f"{name:<{width}}  {text}")
    return 0


def _recipes() -> list[tuple[str, str]]:
    from debruit.recipes import recipes

    return [(name, _first_line(recipe.__doc__)) for name, recipe in sorted(recipes().items())]


def _samplers() -> list[tuple[str, str]]:
    """By the one name that --sampler, --set and every table use."""
    import sys

    from debruit.sampling.sampler import Sampler
    from debruit.seams import names

    found = {}
    samplers: dict[str, Any] = names(Sampler)
    for name, cls in samplers.items():
        cost = cls().evaluations(11) - cls().evaluations(10)
        about = f"order {cls.order}, {cost} network evaluation{'s' if cost > 1 else ''} a step"
        found[name] = f"{_first_line(sys.modules[cls.__module__].__doc__)} ({about})"
    return sorted(found.items())


def _data() -> list[tuple[str, str]]:
    from debruit.data.find import builtin_sources

    return [(name, _first_line(cls.__doc__)) for name, cls in sorted(builtin_sources().items())]


def _models() -> list[tuple[str, str]]:
    """Models that come with debruit, then model files and run folders below the present folder, by their headers alone."""
    from pathlib import Path

    from debruit.errors import InputError
    from debruit.models.model_file import header, shipped

    found = [(name, f"comes with debruit; {_about(header(path)['provenance'])}") for name, path in shipped().items()]
    for path in sorted(Path().glob("**/*.safetensors")):
        if path.parent.name == "state":
            continue
        try:
            about = header(path)["provenance"]
        except InputError:
            continue
        name = path.parent if path.name == "model.safetensors" else path
        found.append((str(name), _about(about)))
    return found


def _about(provenance: dict[str, Any]) -> str:
    return f"{provenance.get('data', '?')}, {provenance.get('images_seen', 0):,} images seen"


def _first_line(docstring: str | None) -> str:
    return " ".join((docstring or "").strip().split("\n\n")[0].split())
