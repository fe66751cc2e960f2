"""Seams: where one class can be exchanged for another (process, network, sampler, source, codec, ...).

A seam is a Protocol. Its implementations are the public frozen dataclasses that have the protocol's members:

    those of the package that defines the protocol, and below it: a new file is found because it exists
    those that other code adds, by `debruit.register(cls)` or by an entry point of the group "debruit.plugins",
    which names such a class, or a module whose public dataclasses all are meant

A configuration names a class by its class name, which is unique within its seam; a file cannot name anything else.
"""

import importlib
import pkgutil
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from types import FunctionType, ModuleType
from typing import Any, Generic, Protocol, TypeVar

from debruit.errors import InputError, unknown
from debruit.events import notice

GROUP = "debruit.plugins"
Class = TypeVar("Class", bound=type)

_SPELT: dict[type, tuple[Callable[[type], str], dict[str, str]]] = {}  # protocol -> `spell`'s name and aliases
_PLUGINS: dict[type, str] = {}  # classes from outside -> the plugin that they came with


def register(cls: Class) -> Class:
    """Add a frozen dataclass of other code to every seam whose members it has; usable as a decorator.

    Raise InputError if it is not a frozen dataclass.
    """
    return _added(cls, cls.__module__.partition(".")[0])


def plugin_of(cls: type) -> str:
    """The plugin that a class came with; "" for debruit's own."""
    return _PLUGINS.get(cls, "")


def implementations(protocol: type) -> dict[str, type]:
    """Return every implementation of a protocol by its class name.

    Raise InputError if two plugins, or a plugin and debruit, have a class of the same name in this seam.
    """
    members = _members(protocol)
    _load_plugins()
    by_name: dict[str, type] = {}
    for cls in (*_classes(protocol.__module__.rpartition(".")[0]), *_PLUGINS):
        if not all(_has(cls, member, protocol) for member in members):
            continue
        other = by_name.setdefault(cls.__name__, cls)
        if other is not cls:
            raise InputError(
                f"two classes are called {cls.__name__} as {protocol.__name__}: {_whose(other)} and {_whose(cls)}; "
                "rename one"
            )
    return by_name


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
    if missing := [f.name for f in fields(chosen) if f.default is MISSING and f.default_factory is MISSING]:
        raise InputError(f"{what} {name} needs a value for {', '.join(missing)}; give it as JSON")
    return chosen()


def slug(name: str) -> str:
    """A class name as people type it: DPMpp2M -> dpmpp2m, dpmpp_2m -> dpmpp2m."""
    return re.sub(r"[-_ +]", "", name).lower()


def _whose(cls: type) -> str:
    return f"that of the plugin {plugin_of(cls)}" if plugin_of(cls) else "debruit's own"


def is_protocol(annotation: Any) -> bool:
    return getattr(annotation, "_is_protocol", False)


def _members(protocol: type) -> set[str]:
    """Return the names of a protocol's public members."""
    bases = [cls for cls in protocol.__mro__ if cls not in (object, Protocol, Generic)]
    names = {name for cls in bases for name in (*vars(cls), *vars(cls).get("__annotations__", ()))}
    return {name for name in names if not name.startswith("_")}


def _has(cls: Any, member: str, protocol: type) -> bool:
    """Whether a class has a member of a protocol, as a method where the protocol has a method."""
    if isinstance(getattr(protocol, member, None), FunctionType):
        return callable(getattr(cls, member, None))
    return hasattr(cls, member) or member in {f.name for f in fields(cls)}


def _classes(package: str) -> Iterator[type]:
    for module in pkgutil.walk_packages(importlib.import_module(package).__path__, package + "."):
        yield from _public_dataclasses(importlib.import_module(module.name))


def _public_dataclasses(module: ModuleType) -> Iterator[type]:
    for name, item in vars(module).items():
        if isinstance(item, type) and is_dataclass(item) and item.__module__ == module.__name__ and name[0] != "_":
            yield item


def _added(cls: Class, plugin: str) -> Class:
    if not (is_dataclass(cls) and getattr(cls, "__dataclass_params__").frozen):  # noqa: B009
        raise InputError(
            f"{getattr(cls, '__name__', cls)} cannot be registered: a class that debruit can save is a frozen "
            "dataclass (@dataclass(frozen=True, kw_only=True))"
        )
    for other in [one for one in _PLUGINS if one.__qualname__ == cls.__qualname__ and one.__module__ == cls.__module__]:
        del _PLUGINS[other]  # the same class, defined again: a notebook's cell that is run twice
    _PLUGINS[cls] = plugin
    return cls


@cache
def _load_plugins() -> None:
    """Import what the entry points name, once. A plugin that cannot be imported is left out, with a notice."""
    for point in entry_points(group=GROUP):
        try:
            target = point.load()
        except Exception as error:  # whatever other people's code raises
            notice(f"the plugin {_package(point)} cannot be loaded ({point.value}: {error}) and is left out")
            continue
        for cls in _public_dataclasses(target) if isinstance(target, ModuleType) else (target,):
            _added(cls, _package(point))


def _package(point: EntryPoint) -> str:
    return point.dist.name if point.dist else point.name
