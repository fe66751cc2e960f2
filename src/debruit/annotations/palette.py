"""Class numbers <-> colours: a mask as an image. An image is read in the first way that knows all of its pixels:

    grey (modes L, I, F)     class numbers, else colours; but numbers alone where all are below DARK,
                             unlike the colours of a drawing
    with a palette (mode P)  colours, exactly, else class numbers, else colours, nearly
    black and white (1)      colours, else class numbers
    coloured (RGB ...)       colours; but where every pixel is grey as with a palette

Where it is known how the masks of the data were coded (annotations/masks.py), that way comes first, so that these masks
mean here what they meant there: their `numbers`, one for each class; or, where these are (), the colours, of which one
that is none is "unlabelled" if there is such a class. Where no numbers are known, 255 is "unlabelled" if that is the
last class. Nearly: a colour within NEAR of the palette's (JPEG noise), or a blend of two of its colours that lie within
two pixels (smoothed edges).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from PIL import Image

from debruit.errors import InputError

UNLABELLED = "unlabelled"  # the class of what has none
IGNORED = 255  # the number that many data sets give it

DARK = 64
NEAR = 48.0  # Euclidean, of 8-bit values: 28 in each channel
REACH = 2  # pixels on either side of a smoothed edge
MOST_BLENDED = 0.25  # of the pixels: an image with more blends is no mask with smoothed edges
MANY_COLORS = 65_536  # compared with the palette at a time
SHOWN, ALLOWED = 5, 24  # unknown and known ones that an error lists

Palette = Sequence[tuple[int, int, int]]
Way = Callable[[], "Reading"]


@dataclass(frozen=True)
class Reading:
    """Class numbers (H, W) int64, -1 where unknown; how many pixels were `approximate`, `transparent`, or of a
    `strange` colour that counts as unlabelled; what is `unknown`, as text, most frequent first; whether its colours
    would be another mask than its numbers, `twofold`."""

    numbers: np.ndarray
    approximate: int = 0
    transparent: int = 0
    unknown: tuple[str, ...] = ()
    strange: int = 0
    twofold: bool = False

    @property
    def lacking(self) -> int:
        """Pixels of no class."""
        return int((self.numbers < 0).sum())


def read_picture(
    image: Image.Image,
    names: Sequence[str],
    palette: Palette,
    numbers: Sequence[int] | None = None,
    *,
    what: str,
    lossy: bool = False,
) -> Reading:
    """The class numbers of an image of a mask, by the rule above; no strange colours in a `lossy` one. InputError
    lists values or colours that are no class; `what` is given, for it."""
    readings: list[Reading] = []
    for way in _ways(image, names, palette, numbers, lossy):
        readings.append(way())
        if not readings[-1].unknown:
            break
    else:
        raise _unknown(min(readings, key=lambda reading: reading.lacking), names, palette, numbers, what)
    if numbers and image.mode == "P":
        other = _by_color(image, palette, exactly=True)
        return replace(
            readings[-1], twofold=not other.unknown and not np.array_equal(other.numbers, readings[-1].numbers)
        )
    return readings[-1]


def read_numbers(
    values: np.ndarray, names: Sequence[str], palette: Palette, numbers: Sequence[int] | None = None, *, what: str
) -> np.ndarray:
    """Class numbers of any integer or whole values, (..., H, W), as uint8. InputError lists values that are no
    class."""
    reading = _by_number(values, names, numbers)
    if reading.unknown:
        raise _unknown(reading, names, palette, numbers, what)
    return reading.numbers.astype(np.uint8)


def in_hex(color: Sequence[int]) -> str:
    """#rrggbb."""
    return "#{:02x}{:02x}{:02x}".format(*color)


def _ways(
    image: Image.Image, names: Sequence[str], palette: Palette, numbers: Sequence[int] | None, lossy: bool
) -> list[Way]:
    """In turn."""
    values, coloured = np.asarray(image), False
    if image.mode not in ("1", "L", "P", "F") and not image.mode.startswith("I"):
        rgb = np.asarray(image.convert("RGB"))
        values, coloured = rgb[..., 0], bool((rgb != rgb[..., :1]).any())

    def by_number() -> Reading:
        return _by_number(values, names, numbers)

    def exact() -> Reading:
        return _by_color(image, palette, exactly=True)

    def near() -> Reading:
        return _by_color(image, palette, exactly=False)

    def own(strange: bool) -> Way:
        return lambda: _by_own_color(image, names, palette, strange=strange and not lossy)

    if image.mode == "F" or image.mode.startswith("I"):
        return [by_number]
    guessed: list[Way] = [exact, by_number, near]
    if coloured:
        guessed = [near]
    elif image.mode in ("1", "L"):
        dark = image.mode == "L" and int(values.max(initial=0)) < DARK
        guessed = [exact, by_number] if image.mode == "1" else [by_number] if dark else [by_number, near]
    if numbers is None or (numbers and coloured):
        return guessed
    if numbers:
        return [by_number, *guessed]
    return [own(True), *guessed] if coloured or image.mode == "P" else [own(False), *guessed, own(True)]


def _by_number(values: np.ndarray, names: Sequence[str], numbers: Sequence[int] | None) -> Reading:
    """Read the numbers of the classes in the files, or the class numbers themselves."""
    classes = len(names)
    if not numbers and names[-1] == UNLABELLED:
        numbers = (*range(classes - 1), IGNORED)
    for n, number in enumerate(numbers or ()):
        if number >= classes:
            values = np.where(values == number, n, values)
    known = (values >= 0) & (values < classes) & (values == np.floor(values))
    classified = np.where(known, values, -1).astype(np.int64)
    return Reading(classified, unknown=_counted(values[~known], lambda value: f"{value:g}"))


def _by_color(image: Image.Image, palette: Palette, *, exactly: bool) -> Reading:
    rgb, transparent = _opaque(image, palette[0])
    packed = rgb.astype(np.uint32) @ np.array([65_536, 256, 1], np.uint32)
    distinct, indices = np.unique(packed, return_inverse=True)
    shades = np.stack([distinct >> 16, distinct >> 8 & 255, distinct & 255], axis=1)
    nearest, distance = _nearest(shades, np.asarray(palette))
    numbers = np.where(distance <= (0 if exactly else NEAR), nearest, -1)[indices].reshape(packed.shape)
    if not exactly:
        numbers = unblended(rgb, numbers, np.asarray(palette))
    unknown = _counted(packed[numbers < 0], lambda value: f"#{value:06x}")
    same = (distance == 0)[indices].reshape(packed.shape)
    return Reading(numbers, int(((numbers >= 0) & ~same).sum()), transparent, unknown)


def _by_own_color(image: Image.Image, names: Sequence[str], palette: Palette, *, strange: bool) -> Reading:
    """As the masks of data in colour are read: exactly, transparent or not. With `strange`, what has none of these
    colours among others that do is unlabelled, if there is such a class."""
    reading = _by_color(Image.fromarray(np.asarray(image.convert("RGB"))), palette, exactly=True)
    if not strange or UNLABELLED not in names or (reading.numbers < 0).all():
        return reading
    numbers = np.where(reading.numbers < 0, list(names).index(UNLABELLED), reading.numbers)
    return Reading(numbers, strange=reading.lacking)


def _opaque(image: Image.Image, ground: tuple[int, int, int]) -> tuple[np.ndarray, int]:
    """(H, W, 3) on the colour of the first class, and how many pixels were transparent."""
    if image.mode not in ("LA", "La", "PA", "RGBA", "RGBa") and "transparency" not in image.info:
        return np.asarray(image.convert("RGB")), 0
    whole = image.convert("RGBA")
    seen = Image.alpha_composite(Image.new("RGBA", whole.size, (*ground, 255)), whole)
    return np.asarray(seen.convert("RGB")), int((np.asarray(whole)[..., 3] < 128).sum())


def _nearest(colors: np.ndarray, palette: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The class (N,) that is nearest to each colour (N, 3), and its distance."""
    parts = [colors[n : n + MANY_COLORS].astype(np.float32) for n in range(0, len(colors), MANY_COLORS)]
    squares = [np.square(part[:, None] - palette[None]).sum(2) for part in parts]
    nearest = np.concatenate([square.argmin(1) for square in squares])
    return nearest, np.concatenate([np.sqrt(square.min(1)) for square in squares])


def unblended(rgb: np.ndarray, numbers: np.ndarray, palette: np.ndarray) -> np.ndarray:
    """Return the numbers, with the nearer of two classes nearby where an unknown colour lies on the line between their
    colours."""
    rows, columns = np.nonzero(numbers < 0)
    if not 0 < len(rows) <= MOST_BLENDED * numbers.size:
        return numbers
    colors, everyone = rgb[rows, columns].astype(np.float32), np.arange(len(rows))
    padded, side = np.pad(numbers, REACH, constant_values=-1), 2 * REACH + 1
    near = np.zeros((len(rows), len(palette) + 1), np.uint8)  # pixels of each class nearby; the unknown ones are last
    for down in range(side):
        for right in range(side):
            near[everyone, padded[rows + down, columns + right]] += 1
    usual = np.argsort(-near[:, :-1].astype(int), axis=1, kind="stable")[:, :3]
    least, taken = np.full(len(rows), NEAR), np.full(len(rows), -1)
    for first, second in combinations(range(usual.shape[1]), 2):
        one, other = usual[:, first], usual[:, second]
        start, way = palette[one], (palette[other] - palette[one]).astype(np.float32)
        share = ((colors - start) * way).sum(1) / np.maximum(np.square(way).sum(1), 1)
        distance = np.linalg.norm(colors - start - share.clip(0, 1)[:, None] * way, axis=1)
        better = (near[everyone, other] > 0) & (distance <= least)
        least = np.where(better, distance, least)
        taken = np.where(better, np.where(share < 0.5, one, other), taken)
    result = numbers.copy()
    result[rows, columns] = taken
    return result


def _counted(values: np.ndarray, word: Callable) -> tuple[str, ...]:
    """Each value and its pixels, most frequent first."""
    distinct, counts = np.unique(values, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    return tuple(f"{word(distinct[n].item())} ({counts[n]:,} {'pixel' if counts[n] == 1 else 'pixels'})" for n in order)


def _unknown(
    reading: Reading, names: Sequence[str], palette: Palette, numbers: Sequence[int] | None, what: str
) -> InputError:
    more = f" and {len(reading.unknown) - SHOWN:,} more" if len(reading.unknown) > SHOWN else ""
    kind = "colours" if reading.unknown[0].startswith("#") else "values"
    numbered = zip(numbers or range(len(names)), names, palette, strict=True)
    known = [f"{number} {name} {in_hex(color)}" for number, name, color in numbered]
    rest = f" and {len(known) - ALLOWED} more" if len(known) > ALLOWED else ""
    return InputError(
        f"{what} has {kind} that are no class of the model: {', '.join(reading.unknown[:SHOWN])}{more}; allowed: "
        f"{', '.join(known[:ALLOWED])}{rest}; "
        "paint in these colours without smoothing the edges, or save these class numbers as an 8-bit grey PNG"
    )
