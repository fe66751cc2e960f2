"""The classes of the masks of a data set, from the content of all masks (`masks.Tones`) and classes.json: numbers,
colours, black and white."""

from collections.abc import Iterator, Mapping
from itertools import count

from debruit.annotations.mask_classes import CLASSES, RGB, Legend
from debruit.annotations.masks import Coding, Tones
from debruit.annotations.palette import IGNORED, UNLABELLED, in_hex
from debruit.annotations.smoothing import GATHERED, Verdict, judged
from debruit.errors import InputError
from debruit.text.wording import some

MOST_COLORS = 256


def coding(tones: Tones, legend: Legend, origin: str) -> tuple[Coding, tuple[str, ...]]:
    """How these masks are read, and what there is to say about it. InputError: colours without an end, or without
    classes."""
    verdict = judged(tones.seen, tuple(legend.colors.values()))
    if verdict.two and not set(legend.names) - {0, 1, IGNORED}:
        return _black_and_white(verdict, legend)
    whole = set(tones.seen.counts) - verdict.edges
    by_color = tones.colors or (tones.inks and not tones.greys and whole <= set(legend.colors.values()))
    if verdict.edges and legend.colors and by_color:
        return _by_color(whole, legend, origin, verdict)
    if verdict.edges:
        raise _smoothed(verdict, tones, origin)
    if tones.colors and (legend.colors or any(len(set(color)) > 1 for color in tones.colors)):
        return _by_color(tones.colors | tones.inks | {(v, v, v) for v in tones.greys}, legend, origin)
    if legend.colors and tones.inks and not tones.greys | tones.colors and tones.inks <= set(legend.colors.values()):
        return _by_color(tones.inks, legend, origin)
    return _by_value(tones.greys | tones.indices | {color[0] for color in tones.colors}, tones, legend)


def _black_and_white(verdict: Verdict, legend: Legend) -> tuple[Coding, tuple[str, ...]]:
    if legend.colors:
        by_color = {color: legend.names[n] for n, color in legend.colors.items()}
        names = by_color.get((0, 0, 0), "class 0"), by_color.get((255, 255, 255), "class 1")
    else:
        names = legend.names.get(0, "class 0"), legend.names.get(IGNORED) or legend.names.get(1, "class 1")
    result = Coding(names=names, palette=((0, 0, 0), (255, 255, 255)), two=True)
    return result, (
        _summary(result),
        f"the masks are black and white: 0 is '{names[0]}' and 255 is '{names[1]}'; their edges are smoothed "
        f"({verdict.share}, between the two), "
        "and what is lighter than half is white",
    )


def _smoothed(verdict: Verdict, tones: Tones, origin: str) -> InputError:
    kind = "values" if not tones.colors | tones.inks else "colours"
    return InputError(
        f"the masks in {origin} hold {len(tones.seen.counts):,} {kind}, and {len(verdict.edges):,} of them lie on "
        "edges between others alone "
        f"({verdict.share}): smoothed edges are no classes; save them without smoothing (resized by nearest, no "
        "antialiasing), or give the classes and their "
        f"colours in {CLASSES}"
    )


def _by_value(values: set[int], tones: Tones, legend: Legend) -> tuple[Coding, tuple[str, ...]]:
    named, colors, table, notes = dict(legend.names), dict(legend.colors), list(range(256)), []
    if values | {0} == {0, IGNORED} and not set(named) - {0, 1}:
        table[IGNORED] = 1
        names = [named.get(n, f"class {n}") for n in (0, 1)]
        colors = colors or {0: (0, 0, 0), 1: (255, 255, 255)}
        notes.append(f"the masks are black and white: 0 is '{names[0]}' and 255 is '{names[1]}'")
    else:
        colors = colors or ({} if tones.renumbered else dict(tones.shades))
        ignored = named.pop(IGNORED, UNLABELLED if IGNORED in values else "")
        names = [named.get(n, f"class {n}") for n in range(max((values | set(named)) - {IGNORED}, default=-1) + 1)]
        if unnamed := [str(n) for n in sorted(values - {IGNORED} - set(named)) if legend.names]:
            notes.append(
                f"values of masks without a name in {CLASSES}: {some(unnamed, 10)}; called 'class {unnamed[0]}' and so "
                "on"
            )
        if tones.white and tones.ones:
            notes.append(
                f"{tones.white:,} masks hold 0 and 255 alone and {tones.ones:,} hold 0 and 1 alone: where 255 is meant "
                "to be 1, save them alike"
            )
        color = colors.pop(IGNORED, None)
        if ignored:
            table[IGNORED] = len(names)
            colors |= {len(names): color} if color else {}
            names.append(ignored)
            notes.append(f"255 in the masks is '{ignored}', which is the last class")
    result = Coding(names=tuple(names), palette=_palette(len(names), colors), table=tuple(table))
    return result, (_summary(result), *notes)


def _by_color(
    colors: set[RGB], legend: Legend, origin: str, verdict: Verdict | None = None
) -> tuple[Coding, tuple[str, ...]]:
    if legend.names and not legend.colors:
        raise InputError(
            f"the masks in {origin} are in colour, and {CLASSES} gives names without colours: give each class its "
            "colour, as in "
            '[{"id": 0, "name": "sky", "color": "#87ceeb"}]'
        )
    if not legend.colors:
        return _by_own_colors(sorted(colors), origin)
    numbers = sorted(legend.colors)
    names, known = [legend.names[n] for n in numbers], [legend.colors[n] for n in numbers]
    strange, notes = sorted(colors - set(known)), []
    if strange and UNLABELLED not in names:
        names.append(UNLABELLED)
    if strange:
        notes.append(
            f"colours of masks without a class in {CLASSES}, which are '{UNLABELLED}': {some(map(in_hex, strange), 10)}"
        )
    result = Coding(
        names=tuple(names),
        palette=_palette(len(names), dict(enumerate(known))),
        colors=tuple(known),
        other=names.index(UNLABELLED) if strange else 0,
        smoothed=verdict is not None,
    )
    if verdict is not None:
        notes.append(
            f"smoothed edges of masks ({verdict.share}, {len(verdict.edges):,} colours): each is the nearer of its two "
            "classes"
        )
    return result, (_summary(result), *notes)


def _by_own_colors(colors: list[RGB], origin: str) -> tuple[Coding, tuple[str, ...]]:
    if len(colors) > MOST_COLORS:
        many = f"{GATHERED:,} or more" if len(colors) >= GATHERED else f"{len(colors):,}"
        raise InputError(
            f"the masks in {origin} hold {many} colours, and {MOST_COLORS} classes are the most: save them without "
            "smoothed edges, or give the "
            f"classes and their colours in {CLASSES}"
        )
    names = tuple(f"colour {in_hex(color)}" for color in colors)
    result = Coding(names=names, palette=tuple(colors), colors=tuple(colors))
    return result, (_summary(result), f"there is no {CLASSES}: the classes of the masks are called by their colours")


def _summary(result: Coding) -> str:
    kind = "class" if len(result.names) == 1 else "classes"
    return f"{len(result.names)} {kind} of masks: {some(result.names)}"


def nameless(name: str) -> bool:
    """Whether the name of a mask's class was made up here."""
    kind, _, rest = name.partition(" ")
    return (kind == "class" and rest.isdecimal()) or (kind == "colour" and rest.startswith("#"))


def _palette(classes: int, known: Mapping[int, RGB]) -> tuple[RGB, ...]:
    """A colour of its own for each class: the known ones, and Pascal VOC's for the others."""
    colors: dict[int, RGB] = {}
    for n in sorted(known):
        if n < classes and known[n] not in colors.values():
            colors[n] = known[n]
    for n in range(classes):
        if n not in colors:
            colors[n] = next(color for color in _further(n) if color not in colors.values())
    return tuple(colors[n] for n in range(classes))


def _further(first: int) -> Iterator[RGB]:
    """Pascal VOC's colour of each number: its bits are dealt to red, green and blue in turn, the highest bit of a
    colour first."""
    for n in count(first):
        color = [sum((n >> (3 * bit + channel) & 1) << (7 - bit) for bit in range(8)) for channel in range(3)]
        yield color[0], color[1], color[2]
