"""`--set a.b.c=value`: one field of a configuration replaced, the value parsed by the type of that field."""

import json
from dataclasses import fields, is_dataclass, replace
from typing import Any, get_args, get_origin

from debruit.config import decode, hints, validate
from debruit.errors import InputError, unknown
from debruit.seams import choose, is_protocol


def override(config: Any, assignment: str) -> Any:
    """`config` with one field replaced, as "a.b.c=value" says. The value is parsed by the field's annotation; a field
    that holds a dataclass takes the name of another class of its seam (`process=Flow`), or JSON."""
    path, equals, text = assignment.partition("=")
    if not equals:
        raise InputError(f"--set {assignment}: expected KEY=VALUE, for example --set lr=1e-4")
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
