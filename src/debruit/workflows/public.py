"""The public functions of the package: each verb takes the fields of its request as keywords and runs in a thread."""

import functools
import inspect
from collections.abc import Callable
from dataclasses import fields
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
    misspelt keyword, named with the nearest one, or a number out of range.
    """
    name = verb.__name__  # ty: ignore[missing-attribute]
    known = [f.name for f in fields(make)]  # ty: ignore[invalid-argument-type]

    def start(*args: Options.args, **options: Options.kwargs) -> Work[Result]:
        for option in options:
            if option not in known:
                raise InputError(f"debruit.{name} has no option '{option}'{nearest(option, known)}")
        request: Any = make(*args, **options)
        request.check(name)
        return Work(lambda: verb(request))

    functools.update_wrapper(start, verb, assigned=("__module__", "__name__", "__qualname__"), updated=())
    del start.__wrapped__  # ty: ignore[missing-attribute]
    start.__doc__ = f"{verb.__doc__}\n\n    Options: {make.__doc__}"
    start.__signature__ = inspect.signature(make)  # ty: ignore[missing-attribute]
    return start
