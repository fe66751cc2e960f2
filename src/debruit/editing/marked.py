"""A mask file -> where a picture is painted anew. Transparent pixels are, where there are some, whatever colour they
have; else white ones are.

    alpha < 1/2 somewhere        the transparent part: what editors export when a hole was erased
    else black and white         white from half grey on, if what lies between are smoothed edges and nothing more

A photograph marks nothing, and is refused, and so is a coloured picture without transparency.
"""

from dataclasses import dataclass

import numpy as np

from debruit.errors import InputError
from debruit.files.blobs import Openable
from debruit.images.pixels import BLACK, FULL, Header, Target, decode, opened, orientation, room_for, turned_upright

TRANSPARENT = 128  # of 255: what is less opaque than that is painted anew
DARK, LIGHT = 32 / 255, 223 / 255  # what counts as black and as white
COLOURED = 40 / 255  # how far apart the channels of a grey pixel may be: JPEG blurs colours
MOST_COLOURED = 0.01  # of the pixels
MOST_BETWEEN = 0.25  # of the pixels of a mask with smoothed edges
MOST_ASIDE = 0.01  # of the pixels, between black and white and yet far from one of them
REACH = 16  # the width of a smoothed edge is at most 1/16 of the longer side, and 2 pixels in any case


@dataclass(frozen=True)
class Marked:
    """The `region` (H, W) bool as it is seen, and what there is to say about how it was found."""

    region: np.ndarray
    notes: tuple[str, ...] = ()


def marked(file: Openable, header: Header, what: str) -> Marked:
    """What a mask file marks. Unreadable: no image; InputError: no mask, one that marks nothing, or everything."""
    alpha = _alpha(file)
    hole = None if alpha is None else alpha < TRANSPARENT
    if alpha is not None and hole is not None and hole.any():
        return _by_alpha(alpha, hole, what)
    target = Target(
        height=header.height, width=header.width, channels=header.channels, depth=header.depth, background=BLACK
    )
    values = decode(file, target)
    levels = values.astype(np.float32) / FULL[header.depth]
    notes: list[str] = []
    if (top := _small_top(values)) is not None:
        levels = (values == top).astype(np.float32)
        notes.append(f"{what} holds 0 and {top} alone: {top} counts as white")
    _check_colours(levels, what)
    level = levels.mean(0)
    between = (level > DARK) & (level < LIGHT)
    _check_between(level, between, what)
    region = level >= 0.5
    if not region.any():
        raise InputError(
            f"{what} has no white, which marks what is painted anew: paint that white and what is kept black"
        )
    if region.all():
        raise InputError(
            f"{what} is white everywhere, so that nothing is kept: paint black what is to stay, or use `debruit sample`"
        )
    if between.any():
        notes.append(
            f"{what} has smoothed edges ({_share(between)} between black and white): painted anew from half grey on"
        )
    return Marked(region, tuple(notes))


def _by_alpha(alpha: np.ndarray, hole: np.ndarray, what: str) -> Marked:
    if hole.all():
        raise InputError(
            f"{what} is transparent everywhere, so that nothing is kept: leave opaque what is to stay, or use `debruit "
            "sample`"
        )
    partly = (alpha > 0) & (alpha < 255)
    some = f"; {_share(partly)} are partly transparent, and are painted anew where they are by more than half"
    return Marked(
        hole,
        (
            f"{what}: what is transparent is painted anew ({_share(hole)}), and its colours count for "
            f"nothing{some if partly.any() else ''}",
        ),
    )


def _alpha(file: Openable) -> np.ndarray | None:
    """(H, W) uint8 as it is seen; None where nothing can be transparent."""
    with opened(file) as image, room_for(image):
        transparent = image.info.get("transparency")
        if transparent is None and image.mode not in ("LA", "La", "PA", "RGBA", "RGBa"):
            return None
        image.load()
        turn = orientation(image)
        if image.mode.startswith("I"):  # 16 bits: one grey value is transparent
            alpha = np.where(np.asarray(image) == transparent, 0, 255).astype(np.uint8)
        else:
            alpha = np.asarray(image.convert("RGBA").getchannel("A"))
    return turned_upright(alpha[..., None], turn)[..., 0]


def _small_top(values: np.ndarray) -> int | None:
    """1 or 255 where a mask holds it and 0 alone, and it is almost black in this depth."""
    if values.dtype.kind != "u" or not np.isin(values, (0, 1, 255)).all():
        return None
    found = np.unique(values).tolist()
    return found[1] if found == [0, 1] or (found == [0, 255] and values.dtype == np.uint16) else None


def _check_colours(levels: np.ndarray, what: str) -> None:
    coloured = levels.max(0) - levels.min(0) > COLOURED
    if coloured.mean() > MOST_COLOURED:
        raise InputError(
            f"{what} is no mask, it is in colour ({_share(coloured)}): paint white what is painted anew and black what "
            "is kept, "
            "or erase it, so that it is transparent"
        )


def _check_between(level: np.ndarray, between: np.ndarray, what: str) -> None:
    reach = max(2, round(max(level.shape) / REACH))
    edge = _nearby(level <= DARK, reach) & _nearby(level >= LIGHT, reach)
    aside = between & ~edge
    if between.mean() > MOST_BETWEEN or aside.mean() > MOST_ASIDE:
        raise InputError(
            f"{what} is no mask, {_share(between)} are neither black nor white, more than smoothed edges are: "
            "paint white what is painted anew and black what is kept, or erase it, so that it is transparent"
        )


def _nearby(here: np.ndarray, reach: int) -> np.ndarray:
    """Where a marked pixel lies within `reach` rows and columns, (H, W)."""
    sums = np.pad(here.astype(np.int64), ((reach + 1, reach), (reach + 1, reach))).cumsum(0).cumsum(1)
    side = 2 * reach + 1
    return sums[side:, side:] - sums[:-side, side:] - sums[side:, :-side] + sums[:-side, :-side] > 0


def _share(here: np.ndarray) -> str:
    return f"{int(here.sum()):,} of {here.size:,} pixels"
