"""Seams: where one class can be exchanged for another (process, network, sampler, source, codec, ...).

A seam is a Protocol, one of SEAMS. Its implementations are the public frozen dataclasses that have the protocol's
members (protocols.py):

    those of the package that defines the protocol, and below it: a new file is found because it exists
    those that other code adds, by `debruit.register(cls)` or by an entry point of the group "debruit.plugins",
    which names such a class, or a module whose public dataclasses with the members of a seam are meant

A class of other code belongs to the one seam that it derives from, or whose members it has; others are refused.

A configuration names a class by its class name, which is unique within its seam; a file cannot name anything else.
"""

import importlib
import pkgutil
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from types import ModuleType
from typing import Any, TypeVar

from debruit.errors import InputError, unknown
from debruit.events import notice
from debruit.protocols import is_protocol as is_protocol
from debruit.protocols import lacking, members

GROUP = "debruit.plugins"
SCRIPT = "__main__"  # the plugin of a class that was defined in a script or a notebook
SEAMS = (
    "debruit.diffusion.process:Process",
    "debruit.diffusion.chain:Schedule",
    "debruit.diffusion.density:Density",
    "debruit.diffusion.weighting:Weighting",
    "debruit.sampling.sampler:Sampler",
    "debruit.sampling.grids:Grid",
    "debruit.networks.network:Network",
    "debruit.autoencoders.codec:Codec",
    "debruit.autoencoders.bottleneck:Bottleneck",
    "debruit.autoencoders.losses.reconstruction:Reconstruction",
    "debruit.data.source:Source",
    "debruit.conditioning.base:Conditioner",
    "debruit.evaluation.scores.metric:Metric",
    "debruit.evaluation.analyses.analysis:Analysis",
)
ALL_MEASURED = ("Metric", "Analysis")  # seams whose classes are all used with their defaults: no option gives values
Class = TypeVar("Class", bound=type)

_SPELT: dict[type, tuple[Callable[[type], str], dict[str, str]]] = {}  # protocol -> `spell`'s name and aliases
_PLUGINS: dict[type, str] = {}  # classes from outside -> the plugin that they came with


def register(cls: Class) -> Class:
    """Add a frozen dataclass of other code to the seam that it derives from or whose members it has; a decorator, too.

    Raise InputError if it is not a frozen dataclass, or not of exactly one seam.
    """
    return _added(cls, getattr(cls, "__module__", "").partition(".")[0])


def plugin_of(cls: type) -> str:
    """The plugin that a class came with; "" for debruit's own."""
    return _PLUGINS.get(cls, "")


def implementations(protocol: type) -> dict[str, type]:
    """Return every implementation of a protocol by its class name.

    Raise InputError if two plugins, or a plugin and debruit, have a class of the same name in this seam.
    """
    _load_plugins()
    own = [cls for cls in _classes(protocol.__module__.rpartition(".")[0]) if not lacking(cls, protocol)]
    by_name: dict[str, type] = {}
    for cls in (*own, *(cls for cls in _PLUGINS if protocol in seams_of(cls))):
        other = by_name.setdefault(cls.__name__, cls)
        if other is not cls:
            raise InputError(
                f"two classes are called {cls.__name__} as {protocol.__name__}: {_whose(other)} and {_whose(cls)}; "
                "rename one"
            )
    return by_name


@cache
def seams_of(cls: type) -> tuple[type, ...]:
    """Return the seams that a class belongs to: those it derives from, or else all whose members it has."""
    derived = tuple(protocol for protocol in _protocols() if protocol in cls.__mro__)
    return tuple(protocol for protocol in derived or _protocols() if not lacking(cls, protocol))


def with_defaults(protocol: type) -> dict[str, Any]:
    """Return an instance of every implementation whose fields all have defaults, by class name."""
    known: dict[str, Any] = implementations(protocol)
    return {name: cls() for name, cls in known.items() if not required(cls)}


def required(cls: Any) -> list[str]:
    """Return the fields of a dataclass that have no default."""
    return [f.name for f in fields(cls) if f.init and f.default is MISSING and f.default_factory is MISSING]


def classes(package: str) -> dict[str, type]:
    """Every public dataclass that the modules of a package and of those below it define, by class name."""
    return {cls.__name__: cls for cls in _classes(package)}


def spell(protocol: type, name: Callable[[type], str], aliases: Mapping[str, str]) -> None:
    """Set how the implementations of a protocol are called instead of by class name, and their other common names."""
    _SPELT[protocol] = (name, {slug(other): own for other, own in aliases.items()})


def names(protocol: type) -> dict[str, type]:
    """The implementations of a protocol by the one name that lists, tables and errors use."""
    name, _ = _SPELT.get(protocol, (lambda cls: cls.__name__, {}))
    return {name(cls): cls for cls in implementations(protocol).values()}


def choose(protocol: type, name: str, what: str) -> Any:
    """Return an instance, with its defaults, of the implementation with this name, class name or alias.

    Case, '-', '_' and '+' do not matter. Raise InputError for an unknown name, or a class with required fields.
    """
    spelt = names(protocol)
    known: dict[str, Any] = {slug(n): cls for key, cls in spelt.items() for n in (key, cls.__name__)}
    known |= {alias: spelt[own] for alias, own in _SPELT.get(protocol, (None, {}))[1].items()}
    if slug(name) not in known:
        raise unknown(what, name, spelt)
    chosen = known[slug(name)]
    if missing := required(chosen):
        raise InputError(f"{what} {name} needs a value for {', '.join(missing)}; give it as JSON")
    return chosen()


def slug(name: str) -> str:
    """A class name as people type it: DPMpp2M -> dpmpp2m, dpmpp_2m -> dpmpp2m."""
    return re.sub(r"[-_ +]", "", name).lower()


def _whose(cls: type) -> str:
    return f"that of the plugin {plugin_of(cls)}" if plugin_of(cls) else "debruit's own"


def _classes(package: str) -> Iterator[type]:
    for module in pkgutil.walk_packages(importlib.import_module(package).__path__, package + "."):
        yield from _public_dataclasses(importlib.import_module(module.name))


def _public_dataclasses(module: ModuleType) -> Iterator[type]:
    for name, item in vars(module).items():
        if isinstance(item, type) and is_dataclass(item) and item.__module__ == module.__name__ and name[0] != "_":
            yield item


def _added(cls: Class, plugin: str) -> Class:
    if reason := _refused(cls):
        raise InputError(f"{getattr(cls, '__name__', cls)} cannot be registered: {reason}")
    for other in [one for one in _PLUGINS if one.__qualname__ == cls.__qualname__ and one.__module__ == cls.__module__]:
        del _PLUGINS[other]  # the same class, defined again: a notebook's cell that is run twice
    _PLUGINS[cls] = plugin
    return cls


def _refused(cls: Any) -> str:
    """Return why a class cannot be registered; "" if it can."""
    if not (is_dataclass(cls) and isinstance(cls, type) and getattr(cls, "__dataclass_params__").frozen):  # noqa: B009
        return (
            "a class that debruit can save is a frozen dataclass (@dataclass(frozen=True, kw_only=True)); functions, "
            "such as recipes, are not registered"
        )
    seams = seams_of(cls)
    if len(seams) > 1:
        listed = " and of ".join(protocol.__name__ for protocol in seams)
        return f"it has the members of {listed}; derive it from the one that is meant"
    if not seams:
        return _nearest_seam(cls)
    if seams[0].__name__ in ALL_MEASURED and (missing := required(cls)):
        return f"nothing gives a {seams[0].__name__} a value for {', '.join(missing)}: give every field a default"
    return ""


def _nearest_seam(cls: type) -> str:
    """Return what a class without a seam lacks for the one that it derives from, or most of whose members it has."""
    shares = {p: 1 - len(lacking(cls, p)) / len(members(p)) + (p in cls.__mro__) for p in _protocols()}
    closest = max(shares, key=lambda protocol: shares[protocol])
    if shares[closest] == 0:
        return f"it has the members of none of {', '.join(p.__name__ for p in shares)} (CONTRIBUTING.md has them)"
    return (
        f"it is closest to a {closest.__name__}, and for that it lacks {', '.join(lacking(cls, closest))} with the "
        f"parameters of {closest.__module__}.{closest.__name__}: add it, or derive from {closest.__name__}"
    )


@cache
def _protocols() -> tuple[type, ...]:
    """Import and return the protocols of SEAMS."""
    return tuple(getattr(importlib.import_module(m), name) for m, _, name in (seam.partition(":") for seam in SEAMS))


@cache
def _load_plugins() -> None:
    """Import what the entry points name, once.

    A plugin that cannot be imported, or a class that cannot be registered, is left out, with a notice. A module may
    have other dataclasses than those of a seam.
    """
    for point in entry_points(group=GROUP):
        try:
            target = point.load()
        except Exception as error:  # whatever other people's code raises
            notice(f"the plugin {_package(point)} cannot be loaded ({point.value}: {error}) and is left out")
            continue
        for cls in _meant(target) if isinstance(target, ModuleType) else (target,):
            try:
                _added(cls, _package(point))
            except InputError as error:
                notice(f"a class of the plugin {_package(point)} is left out: {error}")


def _meant(module: ModuleType) -> list[type]:
    """Return the dataclasses of a plugin's module that have the members of a seam or derive from one."""
    return [c for c in _public_dataclasses(module) if seams_of(c) or any(p in c.__mro__ for p in _protocols())]


def _package(point: EntryPoint) -> str:
    return point.dist.name if point.dist else point.name
