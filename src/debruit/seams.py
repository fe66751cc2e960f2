"""Seams: the places where a class can be exchanged for another (process, network, sampler, source, codec, ...).

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
    """Adds a frozen dataclass of other code to every seam whose members it has; usable as a decorator. InputError: it is no frozen dataclass, or its
    name is taken in its seam."""
    return _added(cls, cls.__module__.partition(".")[0])


def plugin_of(cls: type) -> str:
    """The plugin that a class came with; "" for debruit's own."""
    return _PLUGINS.get(cls, "")


def implementations(protocol: type) -> dict[str, type]:
    """Every implementation of a protocol by its class name. InputError: two plugins, or a plugin and debruit, have one of the same name."""
    members = {name for cls in protocol.__mro__ if cls not in (object, Protocol, Generic)
               for name in (*vars(cls), *vars(cls).get("__annotations__", ())) if not name.startswith("_")}  # fmt: skip
    _load_plugins()
    found: dict[str, type] = {}
    for cls in (*_classes(protocol.__module__.rpartition(".")[0]), *_PLUGINS):
        if not all(_has(cls, member, protocol) for member in members):
            continue
        if found.setdefault(cls.__name__, cls) is not cls:
            raise InputError(
                f"two classes are called {cls.__name__} as {protocol.__name__}: {_whose(found[cls.__name__])} and {_whose(cls)}; rename one"
            )
    return found


def classes(package: str) -> dict[str, type]:
    """Every public dataclass that the modules of a package and of those below it define, by class name."""
    return {cls.__name__: cls for cls in _classes(package)}


def spell(protocol: type, name: Callable[[type], str], aliases: Mapping[str, str]) -> None:
    """Says how the implementations of a protocol are called in place of their class names, and by what other names people know them."""
    _SPELT[protocol] = (name, {slug(other): own for other, own in aliases.items()})


def names(protocol: type) -> dict[str, type]:
    """The implementations of a protocol by the one name that lists, tables and errors use."""
    name, _ = _SPELT.get(protocol, (lambda cls: cls.__name__, {}))
    return {name(cls): cls for cls in implementations(protocol).values()}


def choose(protocol: type, name: str, what: str) -> Any:
    """An instance, with its defaults, of the implementation of that name, of its class's, or of an alias; case, '-', '_' and '+' do not matter."""
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
    if not (isinstance(cls, type) and is_dataclass(cls) and cls.__dataclass_params__.frozen):  # ty: ignore[missing-attribute]
        raise InputError(
            f"{getattr(cls, '__name__', cls)} cannot be registered: a class that debruit can save is a frozen dataclass "
            "(@dataclass(frozen=True, kw_only=True))"
        )
    for other in [one for one in _PLUGINS if one.__qualname__ == cls.__qualname__ and one.__module__ == cls.__module__]:
        del _PLUGINS[other]  # the same class, defined again: a notebook's cell that is run twice
    _PLUGINS[cls] = plugin
    return cls


@cache
def _load_plugins() -> None:
    """Imports what the entry points name, once. A plugin that cannot be imported is said and left out."""
    for point in entry_points(group=GROUP):
        try:
            found = point.load()
        except Exception as error:  # whatever other people's code raises
            notice(f"the plugin {_package(point)} cannot be loaded ({point.value}: {error}) and is left out")
            continue
        for cls in _public_dataclasses(found) if isinstance(found, ModuleType) else (found,):
            _added(cls, _package(point))


def _package(point: EntryPoint) -> str:
    return point.dist.name if point.dist else point.name
