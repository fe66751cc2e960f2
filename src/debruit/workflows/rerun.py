"""The command that makes a report again."""

import shlex
from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any, TypeVar

from debruit.workflows.evaluation_options import EvaluationOptions

Request = TypeVar("Request", bound=EvaluationOptions)
POSITIONAL = ("model", "models")
NOT_SHOWN = ("command",)


def rerun_command(verb: str, request: Any, **process: Any) -> str:
    """Return the command line of a request, without options at their defaults. `process` are options of the process,
    such as `threads`, None where not given."""
    words = ["debruit", verb]
    for f in fields(request):
        value = getattr(request, f.name)
        if f.name in POSITIONAL:
            words[2:2] = _texts(value)
        elif f.name not in NOT_SHOWN and value != f.default:
            words += _option(f.name, value)
    for name, value in process.items():
        words += [] if value is None else _option(name, value)
    return shlex.join(words)


def with_command(verb: str, request: Request, **process: Any) -> Request:
    """The request with the command line that a report names for it."""
    return replace(request, command=rerun_command(verb, request, **process))


def _option(name: str, value: Any) -> list[str]:
    flag = f"-{name}" if len(name) == 1 else f"--{name.replace('_', '-')}"
    return [flag] if value is True else [flag, *_texts(value)]


def _texts(value: Any) -> list[str]:
    several = isinstance(value, Sequence) and not isinstance(value, str)
    return [str(one) for one in (value if several else [value])]
