"""A mask file -> the region to repaint: its transparent pixels, whatever their colours, or if there are none its white
pixels.

    alpha < 1/2 somewhere     the transparent part, as image editors export an erased region
    black and white           the pixels from mid-grey to white; grey is allowed only at smoothed edges

Photographs, and colour images without transparency, are refused.
"""

from dataclasses import dataclass

import numpy as np

from debruit.errors import InputError
from debruit.files.blobs import Openable
from debruit.images.orientation import orientation, turned_upright
from debruit.images.pixels import BLACK, FULL, Header, Target, decode, opened, room_for

TRANSPARENT = 128  # of 255: pixels with a lower alpha are repainted
DARK, LIGHT = 32 / 255, 223 / 255  # black is up to DARK, white is from LIGHT on
COLOURED = 40 / 255  # largest difference between the channels of a grey pixel: JPEG blurs colours
MOST_COLOURED = 0.01  # of the pixels
MOST_GREY = 0.25  # of the pixels of a mask with smoothed edges
MOST_ASIDE = 0.01  # of the pixels: grey ones that are not at an edge
REACH = 16  # a smoothed edge is at most 1/16 of the longer side wide, or 2 pixels
PAINT = "paint white what to repaint and black what to keep, or erase what to repaint, so that it is transparent"


@dataclass(frozen=True)
class MarkedRegion:
    """The `region` (H, W) bool, upright, and `notes` about how the file was read."""

    region: np.ndarray
    notes: tuple[str, ...] = ()


def read_mask_region(file: Openable, header: Header, what: str) -> MarkedRegion:
    """Read the region that a mask file marks; `what` names it in messages. Raise Unreadable for a file that is no
    image, InputError for one that is no mask or whose region is empty or covers everything."""
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
    grey = (level > DARK) & (level < LIGHT)
    _check_grey(level, grey, what)
    region = level >= 0.5
    if not region.any():
        raise InputError(f"{what} has no white, which marks what to repaint: paint that white and what to keep black")
    if region.all():
        raise InputError(
            f"{what} is white everywhere, so nothing is kept: paint black what to keep, or use `debruit sample`"
        )
    if grey.any():
        notes.append(
            f"{what} has smoothed edges ({_count(grey)} between black and white): pixels from mid-grey on are repainted"
        )
    return MarkedRegion(region, tuple(notes))


def _by_alpha(alpha: np.ndarray, hole: np.ndarray, what: str) -> MarkedRegion:
    """Return the transparent pixels `hole` as the region. Raise InputError if all are."""
    if hole.all():
        raise InputError(
            f"{what} is transparent everywhere, so nothing is kept: leave opaque what to keep, or use `debruit sample`"
        )
    partly = (alpha > 0) & (alpha < 255)
    note = f"{what}: transparent pixels are repainted ({_count(hole)}), and colours are ignored"
    if partly.any():
        note += f"; {_count(partly)} are partly transparent, and those by more than half are repainted"
    return MarkedRegion(hole, (note,))


def _alpha(file: Openable) -> np.ndarray | None:
    """Return the alpha channel (H, W) uint8, upright; None if the format of the file has no transparency."""
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
    """Return the larger value of a mask of 0 and 1, or of 0 and 255 in 16 bits, which is nearly black in its depth;
    None for any other."""
    if values.dtype.kind != "u" or not np.isin(values, (0, 1, 255)).all():
        return None
    unique = np.unique(values).tolist()
    return unique[1] if unique == [0, 1] or (unique == [0, 255] and values.dtype == np.uint16) else None


def _check_colours(levels: np.ndarray, what: str) -> None:
    """Raise InputError for an image in colour, (C, H, W) in [0, 1]."""
    coloured = levels.max(0) - levels.min(0) > COLOURED
    if coloured.mean() > MOST_COLOURED:
        raise InputError(f"{what} is no mask, it is in colour ({_count(coloured)}): {PAINT}")


def _check_grey(level: np.ndarray, grey: np.ndarray, what: str) -> None:
    """Raise InputError if an image `level` (H, W) in [0, 1] has more grey pixels than smoothed edges have."""
    reach = max(2, round(max(level.shape) / REACH))
    edge = _nearby(level <= DARK, reach) & _nearby(level >= LIGHT, reach)
    aside = grey & ~edge
    if grey.mean() > MOST_GREY or aside.mean() > MOST_ASIDE:
        raise InputError(
            f"{what} is no mask, {_count(grey)} are neither black nor white, more than smoothed edges have: {PAINT}"
        )


def _nearby(pixels: np.ndarray, reach: int) -> np.ndarray:
    """Return which pixels have a True one of `pixels` within `reach` rows and columns, (H, W) bool."""
    sums = np.pad(pixels.astype(np.int64), ((reach + 1, reach), (reach + 1, reach))).cumsum(0).cumsum(1)
    side = 2 * reach + 1
    return sums[side:, side:] - sums[:-side, side:] - sums[side:, :-side] + sums[:-side, :-side] > 0


def _count(pixels: np.ndarray) -> str:
    return f"{int(pixels.sum()):,} of {pixels.size:,} pixels"
