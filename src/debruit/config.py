"""Configuration: frozen dataclasses <-> JSON.

A dataclass becomes an object whose "type" is the name of its class and whose other keys are its fields; one from a
plugin says "plugin" too. Decoding takes the class from the annotation: a field of a Protocol holds one of its
implementations (seams.py), a field of a dataclass that dataclass. So a file can name nothing but a configuration class
of the seam that it stands in. Unknown keys are refused, and every value is validated against its field's annotation:
its type, its range (ranges.py), and no number is NaN or infinite. `check` does the same for a configuration that was
made in Python.
"""

import contextlib
import re
import reprlib
import types
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

from pydantic import ConfigDict, InstanceOf, TypeAdapter, ValidationError

from debruit.errors import InputError, nearest, unknown
from debruit.seams import SCRIPT, implementations, is_protocol, plugin_of

Json = Any  # what the json module reads and writes


def encode(value: Any) -> Json:
    """Return a configuration value as JSON data: a dataclass has its class name under "type", tuples become lists."""
    if is_dataclass(value) and not isinstance(value, type):
        plugin = {"plugin": name} if (name := plugin_of(type(value))) else {}
        return {"type": type(value).__name__} | plugin | {f.name: encode(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, (tuple, list)):
        return [encode(item) for item in value]
    if isinstance(value, dict):
        return {key: encode(item) for key, item in value.items()}
    assert value is None or isinstance(value, (bool, int, float, str)), f"not a config value: {value!r}"
    return value


def decode(data: Json, annotation: Any, where: str = "config") -> Any:
    """The inverse of `encode` for a value of this annotation. InputError names the field when a class, a key or a value
    is not allowed there."""
    if isinstance(data, dict) and "type" in data:
        data = _decode_dataclass(data, annotation, where)
    elif isinstance(data, list):
        data = _decode_list(data, annotation, where)
    return validate(data, annotation, where)


def _decode_list(data: list[Json], annotation: Any, where: str) -> tuple[Any, ...]:
    if not any(isinstance(item, (dict, list)) for item in data):  # values are validated together: a vocabulary is long
        with contextlib.suppress(InputError):
            return validate(tuple(data), annotation, where)
    items = _item_annotations(annotation, len(data))
    return tuple(decode(item, a, f"{where}[{n}]") for n, (item, a) in enumerate(zip(data, items, strict=True)))


def check(config: Any, where: str = "config") -> None:
    """InputError, naming the field, where a number in a config, at any depth, is NaN, infinite, of the wrong type or
    outside its field's range."""
    for f in fields(config):
        value, path = getattr(config, f.name), f"{where}.{f.name}"
        items = value if isinstance(value, tuple) else (value,)
        for n, item in enumerate(items):
            if is_dataclass(item) and not isinstance(item, type):
                check(item, f"{path}[{n}]" if isinstance(value, tuple) else path)
        if not _numeric(value):
            continue
        if validate(value, hints(type(config))[f.name], path) != value:
            raise invalid(value, hints(type(config))[f.name], path)


def _decode_dataclass(data: dict[str, Json], annotation: Any, where: str) -> Any:
    cls = _class_named(data, annotation, where)
    annotations = hints(cls)
    allowed = {f.name: f for f in fields(cls) if f.init}
    values = {}
    for key, item in data.items():
        if key in ("type", "plugin"):
            continue
        if key not in allowed:
            raise InputError(f"{where}: {cls.__name__} has no field '{key}'{nearest(key, allowed)}")
        values[key] = decode(item, annotations[key], f"{where}.{key}")
    if missing := [
        k for k, f in allowed.items() if k not in values and f.default is MISSING and f.default_factory is MISSING
    ]:
        raise InputError(f"{where}: {cls.__name__} lacks {', '.join(missing)}")
    return cls(**values)


def _class_named(data: dict[str, Json], annotation: Any, where: str) -> Any:
    """The class that the "type" of an object names, of those that its field takes."""
    name = str(data["type"])
    known = _allowed(annotation)
    if name in known:
        return known[name]
    plugin = data.get("plugin")
    if plugin == SCRIPT:
        raise InputError(
            f"{where}: {name} was defined in a script or a notebook: define it and call debruit.register({name}) "
            "before the file is read"
        )
    if plugin:
        raise InputError(
            f"{where}: {name} comes with the plugin {plugin}, which is not here: install it (pip install {plugin}), or "
            "import the module that registers it before the file is read"
        )
    seam = annotation.__name__ if is_protocol(annotation) else " or ".join(known) or _expected(annotation)
    raise unknown(f"{seam} in {where}", name, known)


def _allowed(annotation: Any) -> dict[str, type]:
    """The configuration classes that a value of this annotation can be of, by name."""
    if is_protocol(annotation):
        return implementations(annotation)
    if isinstance(annotation, type) and is_dataclass(annotation):
        return {annotation.__name__: annotation}
    if get_origin(annotation) in (Union, types.UnionType, Annotated):
        return {name: cls for option in get_args(annotation) for name, cls in _allowed(option).items()}
    return {}


def _item_annotations(annotation: Any, count: int) -> list[Any]:
    options = get_args(annotation) if get_origin(annotation) in (Union, types.UnionType) else (annotation,)
    for option in options:
        if get_origin(option) is tuple:
            args = get_args(option)
            return (
                [args[0]] * count if args[-1:] == (Ellipsis,) else list(args) if len(args) == count else [Any] * count
            )
    return [Any] * count


def validate(value: Any, annotation: Any, where: str) -> Any:
    """Return a value, converted to its annotation. InputError names `where` if it is not allowed."""
    try:
        return _adapter(annotation).validate_python(value)
    except ValidationError as error:
        problem = error.errors()[0]
        hint = problem["msg"][0].lower() + problem["msg"][1:]
        raise InputError(f"{invalid(value, annotation, where)} ({hint})") from None


def invalid(value: Any, annotation: Any, where: str) -> InputError:
    """Return the error for a value that its annotation does not allow."""
    return InputError(f"{where}: {reprlib.repr(value)} is not valid, expected {_expected(annotation)}")


def _expected(annotation: Any) -> str:
    """Return the text of a field's type, without its range."""
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
def hints(cls: type) -> dict[str, Any]:
    """The annotations of a dataclass, with their ranges."""
    return get_type_hints(cls, include_extras=True)


@cache
def _adapter(annotation: Any) -> TypeAdapter:
    whole = is_dataclass(annotation) or is_protocol(annotation)  # pydantic takes no settings for these
    return TypeAdapter(_by_instance(annotation), config=None if whole else ConfigDict(allow_inf_nan=False))


def _by_instance(annotation: Any) -> Any:
    """The annotation, its protocols and dataclasses checked by isinstance alone: they are decoded before, and pydantic
    knows no protocol."""
    if is_dataclass(annotation) or is_protocol(annotation):
        return InstanceOf[annotation]
    args = tuple(_by_instance(a) for a in get_args(annotation))
    if get_origin(annotation) in (Union, types.UnionType):
        return Union[args]  # noqa: UP007
    return tuple[args] if get_origin(annotation) is tuple and args else annotation
