"""The drawings of a set: each with the thing that it shows, and as an SVG of its own."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from debruit.data.sources.emoji.names import (
    FLUENT_TONES,
    PLAIN,
    TONE_WORDS,
    TONED,
    english,
    is_code_points,
    plain_points,
    thing_of,
)
from debruit.data.sources.emoji.packages import Icons, Style

FLUENT = ("flat", "fluent")
MOVED = ("hFlip", "vFlip", "rotate")  # an alias with one of them is a drawing of its own


@dataclass(frozen=True)
class Picture:
    """One drawing of one set. `item` names it: "noto/1F9A2", and "streamline/1F98A+2" for a second one of a thing;
    `name` is English; `synonyms` are other names that the set has."""

    style: str
    thing: str
    item: str
    name: str
    svg: str
    synonyms: tuple[str, ...] = ()


def drawings(style: Style, icons: Icons) -> tuple[list[Picture], list[str]]:
    """The drawings of a set without skin tones, in the order of their things, and the names of icons without a body."""
    coded = [(name, point) for point, name in reversed([*icons.points.items()])]
    points = {icons.aliases.get(name, {}).get("parent", name): point for name, point in coded} | dict(coded)
    others: dict[str, list[str]] = {}
    for alias, entry in icons.aliases.items():
        if not any(entry.get(key) for key in MOVED):
            others.setdefault(str(entry.get("parent")), []).append(alias)
    empty, taken = [], Counter[str]()
    rows: list[tuple[str, str, str, tuple[str, ...]]] = []
    for name, icon in sorted(_entries(icons), key=lambda entry: (bool(entry[1].get("hidden")), entry[0])):
        names = [name, *others.get(name, ())]
        thing = plain_points(points[name]) if name in points else thing_of(style.name, names)
        if _toned(style, name, thing) or (icon.get("hidden") and (taken[thing] or not is_code_points(thing))):
            continue
        if not str(icon.get("body") or "").strip():
            empty.append(name)
            continue
        taken[thing] += 1
        item = f"{style.name}/{thing}" + (f"+{taken[thing]}" if taken[thing] > 1 else "")
        rows.append((thing, item, name, tuple(other.replace("-", " ") for other in names[1:])))
    entries = dict(_entries(icons))
    made = [
        Picture(style.name, thing, item, english(thing, style.name, name), _svg(entries[name], icons.side), synonyms)
        for thing, item, name, synonyms in rows
    ]
    return sorted(made, key=lambda drawing: drawing.item), empty


def _entries(icons: Icons) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """All icons, and the aliases that are drawings of their own."""
    yield from icons.icons.items()
    for alias, entry in icons.aliases.items():
        if any(entry.get(key) for key in MOVED) and entry.get("parent") in icons.icons:
            yield alias, {**icons.icons[entry["parent"]], **entry}


def _toned(style: Style, name: str, thing: str) -> bool:
    """Whether a drawing has a skin tone other than the plain one."""
    plain = name.removesuffix(PLAIN)
    by_name = TONE_WORDS.search(plain) or (style.name in FLUENT and FLUENT_TONES.search(plain))
    return bool(TONED.search(thing) or (by_name and not thing.startswith("1F3F")))


def _svg(icon: Mapping[str, Any], usual: tuple[float, float]) -> str:
    """An icon's body as a square SVG: https://iconify.design/docs/types/iconify-icon.html"""
    left, top = float(icon.get("left", 0)), float(icon.get("top", 0))
    width, height = float(icon.get("width", usual[0])), float(icon.get("height", usual[1]))
    side = max(width, height)
    body = icon["body"]
    moves = []
    if icon.get("hFlip"):
        moves.append(f"translate({2 * left + width} 0) scale(-1 1)")
    if icon.get("vFlip"):
        moves.append(f"translate(0 {2 * top + height}) scale(1 -1)")
    if quarters := int(icon.get("rotate", 0)) % 4:
        moves.append(f"rotate({90 * quarters} {left + width / 2} {top + height / 2})")
    if moves:
        body = f'<g transform="{" ".join(moves)}">{body}</g>'
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'viewBox="{left - (side - width) / 2:g} {top - (side - height) / 2:g} {side:g} {side:g}">{body}</svg>'
    )
