"""`--set a.b.c=value`: one field of a configuration replaced, the value parsed by the type of that field; and the
scopes of the assignments of a training."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, get_args, get_origin

from debruit.config import decode, encode, hints, validate
from debruit.errors import InputError, unknown
from debruit.seams import choose, is_protocol


def override(config: Any, assignment: str) -> Any:
    """`config` with one field replaced, as "a.b.c=value" says. The value is parsed by the field's annotation; a field
    that holds a dataclass takes the name of another class of its seam (`process=Flow`), or JSON."""
    check_assignment(assignment)
    path, _, text = assignment.partition("=")
    return _override(config, path.strip().split("."), text.strip(), where=path.strip())


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
    annotation = hints(type(config))[name]
    return replace(config, **{name: _parse(text, annotation, current, f"--set {where}")})


def _parse(text: str, annotation: Any, current: Any, where: str) -> Any:
    if annotation is not str and text.startswith(("{", "[")):
        try:
            return decode(json.loads(text), annotation, where)
        except json.JSONDecodeError as error:
            raise InputError(f"{where}: {text!r} is no valid JSON ({error})") from None
    protocols = [a for a in (annotation, *get_args(annotation)) if is_protocol(a)]
    if protocols and text.lower() not in ("none", "null"):
        chosen = choose(protocols[0], text, f"value for {where}")
        return validate((chosen,) if get_origin(annotation) is tuple else chosen, annotation, where)
    if text.lower() in ("none", "null"):
        return validate(None, annotation, where)
    if any(get_origin(a) is tuple for a in (annotation, *get_args(annotation))):
        parts = tuple(part.strip() for part in text.split(",") if part.strip())
        # a number, or several with a name each: text=5,mask=2
        if get_origin(annotation) is not tuple and float in get_args(annotation):
            return validate(tuple(tuple(p.split("=", 1)) for p in parts) if "=" in text else text, annotation, where)
        return validate(parts, annotation, where)
    return validate(text, annotation, where)


SHARED = (
    "validation_images",
    "seed",
    "flip",
    "precision",
    "group",
    "own_parts",
)  # settings of both stages of a training


@dataclass(frozen=True)
class Assignments:
    """The KEY=VALUE pairs of `--set` by scope, without the prefix that says it: `source.KEY` changes the data source,
    `autoencoder.KEY` the autoencoder's training of a latent model, any other KEY the training."""

    run: tuple[str, ...] = ()
    source: tuple[str, ...] = ()
    autoencoder: tuple[str, ...] = ()

    @classmethod
    def parse(cls, given: str | Sequence[str] | Mapping[str, Any]) -> "Assignments":
        """Sort one or several assignments into scopes. A mapping {key: value} may hold values of Python. InputError: no
        KEY=VALUE."""
        given = [given] if isinstance(given, str) else given
        scopes: dict[str, list[str]] = {"source": [], "autoencoder": [], "run": []}
        texts = [f"{key}={_text(value)}" for key, value in given.items()] if isinstance(given, Mapping) else given
        for text in texts:
            check_assignment(text)
            scope, dot, rest = text.partition(".")
            if dot and scope in ("source", "autoencoder"):
                scopes[scope].append(rest)
            else:
                scopes["run"].append(text)
        return cls(**{scope: tuple(texts) for scope, texts in scopes.items()})

    @property
    def of_one_stage(self) -> tuple[str, ...]:
        """The assignments of a training without a first stage: `autoencoder.KEY` is an unknown key there."""
        return (*self.run, *(f"autoencoder.{text}" for text in self.autoencoder))

    @property
    def of_first_stage(self) -> tuple[str, ...]:
        """The assignments of the autoencoder's training, with those that both stages share."""
        return (*(text for text in self.run if text.partition("=")[0].strip() in SHARED), *self.autoencoder)


def override_all(config: Any, assignments: Iterable[str]) -> Any:
    """Apply several assignments, in order."""
    for assignment in assignments:
        config = override(config, assignment)
    return config


def check_assignment(text: str) -> None:
    """InputError: not KEY=VALUE."""
    key, equals, _ = text.partition("=")
    if not equals or not key.strip():
        raise InputError(f"--set {text}: expected KEY=VALUE, for example --set lr=1e-4")


def _text(value: Any) -> str:
    """A value of Python as --set takes it: text as it is, anything else as JSON."""
    return value if isinstance(value, str) else json.dumps(encode(value))
