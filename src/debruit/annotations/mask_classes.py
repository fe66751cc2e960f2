"""classes.json -> which number of a mask is which class, and in which colour it is drawn.

    ["sky", "sea"]                                          numbers in order, from 0
    {"0": "sky", "3": "sea"}                                a name for each number; also {"sky": 0, "sea": 3}
    {"sky": "#87ceeb", "sea": [0, 0, 128]}                  a colour for each name, numbers in order
    [{"id": 0, "name": "sky", "color": "#87ceeb"}, ...]     all of it; id may be left out, and so may color

Numbers are 0 to 255. A list or an object inside of {"classes": ...} is read as if it stood alone.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import ImageColor

from debruit.annotations.palette import in_hex
from debruit.errors import InputError

CLASSES = "classes.json"
RGB = tuple[int, int, int]
KEYS = {"number": ("id", "value", "index"), "name": ("name", "label", "class"), "color": ("color", "colour", "rgb")}


@dataclass(frozen=True)
class Legend:
    """Names, and colours where they are given, by the numbers of a mask."""

    names: Mapping[int, str] = field(default_factory=dict)
    colors: Mapping[int, RGB] = field(default_factory=dict)


def read_legend(path: Path) -> Legend:
    """InputError: no JSON, none of the forms above, a number, name or colour that comes twice."""
    names: dict[int, str] = {}
    colors: dict[int, RGB] = {}
    for number, name, color in _entries(read_json(path), path):
        if not 0 <= number <= 255:
            raise InputError(f"{path}: the class '{name}' has the number {number}, and masks hold 0 to 255")
        if number in names or name in names.values():
            raise InputError(
                f"{path}: the class {number} '{name}' comes twice: give each a number and a name of its own"
            )
        if color is not None and color in colors.values():
            raise InputError(
                f"{path}: the colour {in_hex(color)} of '{name}' is another class's too: give each its own"
            )
        names[number] = name
        if color is not None:
            colors[number] = color
    if colors and len(colors) < len(names):
        lacking = next(names[n] for n in names if n not in colors)
        raise InputError(
            f"{path}: the class '{lacking}' has no colour, and others have one: give all of them one, or none"
        )
    return Legend(names, colors)


def legend_of(folder: Path) -> Legend:
    """Return the legend in the classes.json of a folder; an empty one without that file."""
    return read_legend(folder / CLASSES) if (folder / CLASSES).exists() else Legend()


def read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text("utf-8-sig"))
    except (ValueError, OSError) as error:
        raise InputError(f"{path} is no JSON ({error}): write it as docs/data.md shows, or remove it") from None


def _entries(data: Any, path: Path) -> Iterator[tuple[int, str, RGB | None]]:
    if isinstance(data, dict) and isinstance(data.get("classes"), list | dict):
        data = data["classes"]
    if isinstance(data, dict) and data:
        entries = list(data.items())
        if all(key.isdecimal() for key in data):
            yield from (_entry(int(key), value, path) for key, value in entries)
            return
        if all(type(value) is int for value in data.values()):
            yield from ((value, key, None) for key, value in entries)
            return
        yield from ((n, key, _color(value, path)) for n, (key, value) in enumerate(entries))
    elif isinstance(data, list) and data:
        yield from (_entry(n, value, path) for n, value in enumerate(data))
    else:
        raise _wrong(path, data)


def _entry(number: int, value: Any, path: Path) -> tuple[int, str, RGB | None]:
    if isinstance(value, str) and value:
        return number, value, None
    if not isinstance(value, dict):
        raise _wrong(path, value)
    fields = {what: next((value[key] for key in keys if key in value), None) for what, keys in KEYS.items()}
    name, number = fields["name"], number if fields["number"] is None else fields["number"]
    if not isinstance(name, str) or not name or type(number) is not int:
        raise _wrong(path, value)
    return number, name, None if fields["color"] is None else _color(fields["color"], path)


def _color(value: Any, path: Path) -> RGB:
    if isinstance(value, str):
        try:
            red, green, blue = ImageColor.getrgb(value)[:3]
        except ValueError:
            raise _wrong(path, value) from None
        return red, green, blue
    if isinstance(value, list) and len(value) in (3, 4) and all(type(v) is int and 0 <= v <= 255 for v in value):
        return value[0], value[1], value[2]
    raise _wrong(path, value)


def _wrong(path: Path, value: Any) -> InputError:
    return InputError(
        f'{path} holds {json.dumps(value)[:60]}, which names no class: give a list of names, {{"0": "sky"}}, or '
        '[{"id": 0, "name": "sky", "color": "#87ceeb"}]'
    )
