"""Whether a class has the members of a protocol: its attributes, and its methods with parameters that fit a call."""

import inspect
from dataclasses import fields, is_dataclass
from types import FunctionType
from typing import Any, Generic, Protocol

METHODS = (FunctionType, classmethod, staticmethod)
SIZES = 2  # positional arguments that stand for *args in a protocol: height and width


def is_protocol(annotation: Any) -> bool:
    return getattr(annotation, "_is_protocol", False)


def lacking(cls: type, protocol: type) -> list[str]:
    """Return the public members of a protocol that a class does not have, in order; [] for an implementation.

    A method counts if it can be called as the protocol's, an attribute if it is a class variable, a property or a
    dataclass field. An abstract method that is only inherited does not count.
    """
    abstract = getattr(cls, "__abstractmethods__", ())
    return [member for member in members(protocol) if member in abstract or not _has(cls, member, protocol)]


def members(protocol: type) -> list[str]:
    """Return the names of a protocol's public members, in the order of their definition."""
    bases = [cls for cls in protocol.__mro__ if cls not in (object, Protocol, Generic)]
    names = [name for cls in bases for name in (*vars(cls).get("__annotations__", ()), *vars(cls))]
    return list(dict.fromkeys(name for name in names if not name.startswith("_")))


def _has(cls: type, member: str, protocol: type) -> bool:
    required, given = (inspect.getattr_static(owner, member, None) for owner in (protocol, cls))
    if isinstance(required, METHODS):
        return callable(getattr(cls, member, None)) and _can_be_called(cls, member, given, required)
    if isinstance(given, METHODS):
        return False
    return hasattr(cls, member) or (is_dataclass(cls) and member in {f.name for f in fields(cls)})


def _can_be_called(cls: type, member: str, given: Any, required: Any) -> bool:
    """Whether a method takes the required arguments of the protocol's, by position."""
    count = _required_arguments(required) + (not isinstance(given, (classmethod, staticmethod)))  # with self
    try:
        inspect.signature(getattr(cls, member)).bind(*[None] * count)
    except TypeError:
        return False
    except ValueError:  # written in C, without a signature
        pass
    return True


def _required_arguments(method: Any) -> int:
    function = method if isinstance(method, FunctionType) else method.__func__
    parameters = list(inspect.signature(function).parameters.values())
    own = parameters if isinstance(method, staticmethod) else parameters[1:]
    some = sum(p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) and p.default is p.empty for p in own)
    return some + SIZES * any(p.kind is p.VAR_POSITIONAL for p in own)
