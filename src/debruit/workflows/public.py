"""The public functions of the package: each verb takes the fields of its request as keywords and runs in a thread."""

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ParamSpec, TypeVar

from debruit.errors import InputError, nearest
from debruit.events import Work
from debruit.workflows.request import Request

Options = ParamSpec("Options")
AnyRequest = TypeVar("AnyRequest", bound=Request)
Result = TypeVar("Result")


def public(
    make: Callable[Options, AnyRequest], verb: Callable[[AnyRequest], Result]
) -> Callable[Options, Work[Result]]:
    """Return the public function of a verb, whose request is a dataclass. Type checkers know its keywords.

    It returns at once with a `Work`: an iterator of events, whose `result()` waits for the end. InputError, at once: a
    misspelt keyword, named with the nearest one, a value of the wrong type or out of range, or a call with too few or
    too many arguments.
    """
    name = verb.__name__  # ty: ignore[missing-attribute]
    signature = inspect.signature(make)

    def start(*args: Options.args, **options: Options.kwargs) -> Work[Result]:
        _check_call(name, signature, args, options)
        request: Any = make(*args, **options)
        request.check(name)
        return Work(lambda: verb(request))

    functools.update_wrapper(start, verb, assigned=("__module__", "__name__", "__qualname__"), updated=())
    del start.__wrapped__  # ty: ignore[missing-attribute]
    start.__doc__ = f"{verb.__doc__}\n\n    Options: {make.__doc__}"
    start.__signature__ = signature  # ty: ignore[missing-attribute]
    return start


def _check_call(name: str, signature: inspect.Signature, args: Sequence[Any], options: Mapping[str, Any]) -> None:
    """Raise InputError for arguments that a public function does not take."""
    parameters = signature.parameters
    for option in options:
        if option not in parameters:
            raise InputError(f"debruit.{name} has no option '{option}'{nearest(option, parameters)}")
    leading = [p.name for p in parameters.values() if p.kind is p.POSITIONAL_OR_KEYWORD]
    if len(args) > len(leading):
        raise InputError(
            f"debruit.{name} takes {len(leading)} by position ({', '.join(leading)}), and {len(args)} were given: "
            "give all others by name, as OPTION=VALUE"
        )
    for option in leading[: len(args)]:
        if option in options:
            raise InputError(f"debruit.{name} was given {option} twice, by position and by name: give it once")
    given = {*leading[: len(args)], *options}
    if missing := [p.name for p in parameters.values() if p.default is p.empty and p.name not in given]:
        raise InputError(f"debruit.{name} needs {' and '.join(missing)}: give a value")
