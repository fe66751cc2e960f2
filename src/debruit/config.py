"""Configuration: frozen dataclasses <-> JSON, by import path inside trusted packages.

A dataclass becomes an object whose `"type"` names its class and whose other keys are its fields; decoding imports that class
only if its package is trusted, refuses unknown keys and validates every value against the field's annotation: its type, its range
(ranges.py), and no number is NaN or infinite. `check` does the same for a config that was made in Python. `override` is the command
line's `--set a.b.c=value`: the value is parsed by the type of the field that it replaces.

`MOVED` maps the import path of a class that was renamed to its present one, so that old files stay readable.
"""

import importlib
import json
import pkgutil
import re
import reprlib
import types
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields, is_dataclass, replace
from functools import cache
from typing import Annotated, Any, Generic, Protocol, Union, get_args, get_origin, get_type_hints

from pydantic import ConfigDict, InstanceOf, TypeAdapter, ValidationError

from debruit.errors import InputError, nearest, unknown

TRUSTED = ["debruit"]
MOVED: dict[str, str] = {"debruit.conditioning.wordpiece.WordPiece": "debruit.text.wordpiece.WordPiece"}

_SPELT: dict[type, tuple[Callable[[type], str], dict[str, str]]] = {}  # protocol -> `spell`'s name and aliases

Json = Any  # what the json module reads and writes


def encode(value: Any) -> Json:
    """A config value as JSON data: dataclasses carry their import path under "type", tuples become lists."""
    if is_dataclass(value) and not isinstance(value, type):
        path = f"{type(value).__module__}.{type(value).__qualname__}"
        return {"type": path} | {f.name: encode(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, (tuple, list)):
        return [encode(item) for item in value]
    if isinstance(value, dict):
        return {key: encode(item) for key, item in value.items()}
    assert value is None or isinstance(value, (bool, int, float, str)), f"not a config value: {value!r}"
    return value


def decode(data: Json, annotation: Any = Any, where: str = "config") -> Any:
    """The inverse of `encode`. InputError names the field when a key is unknown, missing or of the wrong type."""
    if isinstance(data, dict) and "type" in data:
        data = _decode_dataclass(data, where)
    elif isinstance(data, list):
        items = _item_annotations(annotation, len(data))
        data = tuple(decode(item, a, f"{where}[{n}]") for n, (item, a) in enumerate(zip(data, items, strict=True)))
    return _validate(data, annotation, where)


def override(config: Any, assignment: str) -> Any:
    """`config` with one field replaced, as "a.b.c=value" says. The value is parsed by the field's annotation; a field that
    holds a dataclass takes the name of another class beside it (`process=Flow`), or JSON."""
    path, equals, text = assignment.partition("=")
    if not equals:
        raise InputError(f"--set {assignment}: expected KEY=VALUE, for example --set lr=1e-4")
    return _override(config, path.strip().split("."), text.strip(), where=path.strip())


def check(config: Any, where: str = "config") -> None:
    """InputError, naming the field, where a number in a config, at any depth, is NaN, infinite, of the wrong type or outside its field's range."""
    for f in fields(config):
        value, place = getattr(config, f.name), f"{where}.{f.name}"
        items = value if isinstance(value, tuple) else (value,)
        for n, item in enumerate(items):
            if is_dataclass(item) and not isinstance(item, type):
                check(item, f"{place}[{n}]" if isinstance(value, tuple) else place)
        if not _numeric(value):
            continue
        if _validate(value, _hints(type(config))[f.name], place) != value:
            raise InputError(
                f"{place}: {reprlib.repr(value)} is not valid, expected {_expected(_hints(type(config))[f.name])}"
            )


def implementations(protocol: type) -> dict[str, type]:
    """Every public dataclass, in the package that defines `protocol` and below it, that has the protocol's members, by class name.
    A new file is found because it exists."""
    members = {name for cls in protocol.__mro__ if cls not in (object, Protocol, Generic)
               for name in (*vars(cls), *vars(cls).get("__annotations__", ())) if not name.startswith("_")}  # fmt: skip
    package = protocol.__module__.rpartition(".")[0]
    return {name: cls for name, cls in classes(package).items() if all(_has(cls, member) for member in members)}


def classes(package: str) -> dict[str, type]:
    """Every public dataclass that the modules of a package and of those below it define, by class name."""
    found = {}
    for module in pkgutil.walk_packages(importlib.import_module(package).__path__, package + "."):
        for name, item in vars(importlib.import_module(module.name)).items():
            if isinstance(item, type) and is_dataclass(item) and item.__module__ == module.name and name[0] != "_":
                found[name] = item
    return found


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


def _has(cls: Any, member: str) -> bool:
    return hasattr(cls, member) or member in {f.name for f in fields(cls)}


def _override(config: Any, path: list[str], text: str, where: str) -> Any:
    name, *rest = path
    if isinstance(config, tuple):
        names = [str(n) for n, item in enumerate(config) if is_dataclass(item)]
    else:
        names = [f.name for f in fields(config)] if is_dataclass(config) else []
    if not names:
        raise InputError(f"--set {where}: there is no '{name}' in {config!r}")
    if name not in names:
        raise unknown(f"key in --set {where}", name, names)
    if isinstance(config, tuple):
        if not rest:
            inside = ", ".join(f.name for f in fields(config[int(name)]))
            raise InputError(f"--set {where}: name what to change in it, one of {inside}")
        changed = _override(config[int(name)], rest, text, where)
        return (*config[: int(name)], changed, *config[int(name) + 1 :])
    current = getattr(config, name)
    if rest:
        return replace(config, **{name: _override(current, rest, text, where)})
    annotation = _hints(type(config))[name]
    return replace(config, **{name: _parse(text, annotation, current, f"--set {where}")})


def _parse(text: str, annotation: Any, current: Any, where: str) -> Any:
    if annotation is not str and text.startswith(("{", "[")):
        try:
            return decode(json.loads(text), annotation, where)
        except json.JSONDecodeError as error:
            raise InputError(f"{where}: {text!r} is no valid JSON ({error})") from None
    protocols = [a for a in (annotation, *get_args(annotation)) if getattr(a, "_is_protocol", False)]
    if protocols and text.lower() not in ("none", "null"):
        chosen = choose(protocols[0], text, f"value for {where}")
        return _validate((chosen,) if get_origin(annotation) is tuple else chosen, annotation, where)
    if text.lower() in ("none", "null"):
        return _validate(None, annotation, where)
    if any(get_origin(a) is tuple for a in (annotation, *get_args(annotation))):
        parts = tuple(part.strip() for part in text.split(",") if part.strip())
        # a number, or several with a name each: text=5,mask=2
        if get_origin(annotation) is not tuple and float in get_args(annotation):
            return _validate(tuple(tuple(p.split("=", 1)) for p in parts) if "=" in text else text, annotation, where)
        return _validate(parts, annotation, where)
    return _validate(text, annotation, where)


def _decode_dataclass(data: dict[str, Json], where: str) -> Any:
    path = str(data["type"])
    path = MOVED.get(path, path)
    module, _, name = path.rpartition(".")
    if module.partition(".")[0] not in TRUSTED:
        raise InputError(f"{where}: the class {path} is outside of the trusted packages ({', '.join(TRUSTED)})")
    try:
        cls = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError):
        raise InputError(
            f"{where}: this version of debruit has no {path}; the file may come from a newer one"
        ) from None
    if not (isinstance(cls, type) and is_dataclass(cls)):
        raise InputError(f"{where}: {path} is no configuration class")
    annotations = _hints(cls)
    allowed = {f.name: f for f in fields(cls) if f.init}
    values = {}
    for key, item in data.items():
        if key == "type":
            continue
        if key not in allowed:
            raise InputError(f"{where}: {name} has no field '{key}'{nearest(key, allowed)}")
        values[key] = decode(item, annotations[key], f"{where}.{key}")
    if missing := [
        k for k, f in allowed.items() if k not in values and f.default is MISSING and f.default_factory is MISSING
    ]:
        raise InputError(f"{where}: {name} lacks {', '.join(missing)}")
    return cls(**values)


def _item_annotations(annotation: Any, count: int) -> list[Any]:
    options = get_args(annotation) if get_origin(annotation) in (Union, types.UnionType) else (annotation,)
    for option in options:
        if get_origin(option) is tuple:
            args = get_args(option)
            return (
                [args[0]] * count if args[-1:] == (Ellipsis,) else list(args) if len(args) == count else [Any] * count
            )
    return [Any] * count


def _validate(value: Any, annotation: Any, where: str) -> Any:
    try:
        return _adapter(annotation).validate_python(value)
    except ValidationError as error:
        problem = error.errors()[0]
        hint = problem["msg"][0].lower() + problem["msg"][1:]
        raise InputError(
            f"{where}: {reprlib.repr(value)} is not valid, expected {_expected(annotation)} ({hint})"
        ) from None


def _expected(annotation: Any) -> str:
    """A field's type in words, without its range."""
    plain = _plain(annotation)
    return plain.__name__ if isinstance(plain, type) else re.sub(r"(\w+\.)+", "", str(plain))


def _plain(annotation: Any) -> Any:
    """The annotation without ranges."""
    if get_origin(annotation) is Annotated:
        return _plain(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        return Union[tuple(_plain(a) for a in get_args(annotation))]  # noqa: UP007
    if get_origin(annotation) is tuple:
        return types.GenericAlias(tuple, tuple(_plain(a) for a in get_args(annotation)))
    return annotation


def _numeric(value: Any) -> bool:
    """Whether a value is a number, or holds one."""
    if isinstance(value, tuple):
        return any(_numeric(item) for item in value)
    return isinstance(value, (int, float)) and not isinstance(value, bool)


@cache
def _hints(cls: type) -> dict[str, Any]:
    """The annotations of a dataclass, with their ranges."""
    return get_type_hints(cls, include_extras=True)


@cache
def _adapter(annotation: Any) -> TypeAdapter:
    whole = is_dataclass(annotation) or getattr(
        annotation, "_is_protocol", False
    )  # pydantic takes no settings for these
    return TypeAdapter(_by_instance(annotation), config=None if whole else ConfigDict(allow_inf_nan=False))


def _by_instance(annotation: Any) -> Any:
    """The annotation, its protocols and dataclasses checked by isinstance alone: they are decoded before, and pydantic knows no protocol."""
    if is_dataclass(annotation) or getattr(annotation, "_is_protocol", False):
        return InstanceOf[annotation]
    args = tuple(_by_instance(a) for a in get_args(annotation))
    if get_origin(annotation) in (Union, types.UnionType):
        return Union[args]  # noqa: UP007
    return tuple[args] if get_origin(annotation) is tuple and args else annotation
