"""Contact sheets: samples in groups, each next to its condition, in a layout that is nearly square, with a legend of
classes.

A group is a block: its caption on top, below it its condition (a mask in its palette, an image) with a dark
frame, and its samples to the right. Of all numbers of columns in a block and of blocks in a row, those are taken
that make the sheet most nearly square with the fewest empty cells.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from debruit.images.grids import KEY, Cells

GAP, BETWEEN = 4, 16  # pixels between cells, and between blocks
LETTERS, LINE, MOST_LINES = 13, 17, 3  # points, pixels a line of a caption, and how many lines it may have
LEAST_SIDE = 96  # pixels of a cell's longer side: smaller images are enlarged without smoothing
INK, FRAME = (20, 20, 20), (90, 90, 90)
MOST_CLASSES = 32  # that a legend names

Box = tuple[int, int, int, int]  # left, top, right, bottom


@dataclass(frozen=True, kw_only=True)
class Group:
    """Samples (N, H, W, 3) uint8 of one condition, with its text as the caption and its image (H, W, 3) uint8 if it has
    one. `numbers` are the numbers of the samples."""

    samples: np.ndarray
    numbers: tuple[int, ...]
    caption: str = ""
    condition: np.ndarray | None = None


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """The sheet as an image, and the box of each sample in it, by its number."""

    image: Image.Image
    boxes: dict[int, Box]


@dataclass(frozen=True)
class _Layout:
    columns: int  # of samples in a block
    across: int  # blocks in a row
    width: int
    heights: tuple[int, ...]  # of the rows of blocks
    captions: tuple[tuple[str, ...], ...]
    block: int  # width of a block


def sheet(groups: Sequence[Group], *, legend: Sequence[tuple[str, tuple[int, int, int]]] = ()) -> Sheet:
    """Draw all groups, and below them the names and colours of `legend`."""
    side = groups[0].samples.shape[1:3]
    scale = max(1, math.ceil(LEAST_SIDE / max(side)))
    cell = side[0] * scale, side[1] * scale
    font = ImageFont.load_default(LETTERS)
    layout = _best(groups, cell, font)
    below = _legend_rows(legend, layout.width, font)
    height = (
        sum(layout.heights)
        + BETWEEN * (len(layout.heights) + 1)
        + (len(below) * (LINE + GAP) + BETWEEN if below else 0)
    )
    image = Image.new("RGB", (layout.width, height), "white")
    pen = ImageDraw.Draw(image)
    boxes: dict[int, Box] = {}
    top = BETWEEN
    for row, block_height in enumerate(layout.heights):
        for column in range(layout.across):
            k = row * layout.across + column
            if k < len(groups):
                left = BETWEEN + column * (layout.block + BETWEEN)
                boxes |= _draw_block(
                    image, pen, groups[k], layout.captions[k], left, top, layout.columns, cell, scale, font
                )
        top += block_height + BETWEEN
    _draw_legend(pen, below, top, font)
    image.info[KEY] = Cells(boxes=tuple(boxes[n] for n in sorted(boxes)), scale=scale).text()
    return Sheet(image=image, boxes=boxes)


def _draw_block(image, pen, group, caption, left, top, columns, cell, scale, font) -> dict[int, Box]:
    height, width = cell
    for line in caption:
        pen.text((left, top), line, fill=INK, font=font)
        top += LINE
    top += GAP if caption else 0
    if group.condition is not None:
        image.paste(_enlarged(group.condition, cell), (left, top))
        pen.rectangle((left - 2, top - 2, left + width + 1, top + height + 1), outline=FRAME, width=2)
        left += width + 2 * GAP
    boxes = {}
    for n, (number, sample) in enumerate(zip(group.numbers, group.samples, strict=True)):
        x, y = left + n % columns * (width + GAP), top + n // columns * (height + GAP)
        image.paste(Image.fromarray(sample.repeat(scale, 0).repeat(scale, 1)), (x, y))
        boxes[number] = (x, y, x + width, y + height)
    return boxes


def _best(groups: Sequence[Group], cell: tuple[int, int], font) -> _Layout:
    """Return the most nearly square layout; empty cells count as if they made it longer."""
    most, count = max(len(g.samples) for g in groups), len(groups)
    layouts = [_layout(groups, cell, columns, across, font) for columns in _some(most) for across in _some(count)]

    def cost(layout: _Layout) -> float:
        height = sum(layout.heights) + BETWEEN * (len(layout.heights) + 1)
        cells = layout.columns * math.ceil(most / layout.columns) * layout.across * len(layout.heights)
        return abs(math.log(layout.width / height)) + 0.5 * (cells / (most * count) - 1)

    return min(layouts, key=cost)


def _some(most: int) -> list[int]:
    """Numbers to try: all small ones, and of more only those about their square root."""
    root = math.isqrt(most)
    return [*range(1, most + 1)] if most <= 12 else sorted({1, 2, 3, 4, *range(max(1, root - 4), root + 9), most})


def _layout(groups: Sequence[Group], cell: tuple[int, int], columns: int, across: int, font) -> _Layout:
    height, width = cell
    conditioned = any(g.condition is not None for g in groups)
    block = columns * (width + GAP) - GAP + conditioned * (width + 2 * GAP)
    captions = tuple(_wrapped(g.caption, block, font) for g in groups)
    tall = [
        len(lines) * LINE + GAP * bool(lines) + math.ceil(len(g.samples) / columns) * (height + GAP) - GAP
        for g, lines in zip(groups, captions, strict=True)
    ]
    heights = tuple(max(tall[k : k + across]) for k in range(0, len(groups), across))
    return _Layout(columns, across, BETWEEN + across * (block + BETWEEN), heights, captions, block)


def _wrapped(text: str, width: int, font) -> tuple[str, ...]:
    """A caption in lines of at most `width` pixels; what does not fit in MOST_LINES ends in an ellipsis."""
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and font.getlength(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    fitting = [_cut(line, width, font) for line in lines[:MOST_LINES]]
    if len(lines) > MOST_LINES:
        fitting[-1] = _cut(fitting[-1] + " …", width, font)
    return tuple(fitting)


def _cut(line: str, width: int, font) -> str:
    if font.getlength(line) <= width:
        return line
    short = line.rstrip("… ")
    while short and font.getlength(short + "…") > width:
        short = short[:-1]
    return short + "…"


def _legend_rows(
    legend: Sequence[tuple[str, tuple[int, int, int]]], width: int, font
) -> list[list[tuple[int, str, tuple[int, int, int] | None]]]:
    """The entries in rows: where each begins, its name and its colour."""
    more = len(legend) - MOST_CLASSES
    entries = [*legend[:MOST_CLASSES], *([(f"and {more} more", None)] if more > 0 else [])]
    rows: list[list[tuple[int, str, tuple[int, int, int] | None]]] = []
    at = BETWEEN
    for name, color in entries:
        short = _cut(name, max(width - 2 * BETWEEN - LINE, LINE), font)
        long = math.ceil(LINE + GAP + font.getlength(short) + BETWEEN)
        if not rows or at + long > width:
            rows.append([])
            at = BETWEEN
        rows[-1].append((at, short, color))
        at += long
    return rows


def _draw_legend(pen, rows, top: int, font) -> None:
    for row in rows:
        for left, name, color in row:
            if color is not None:
                pen.rectangle((left, top + 2, left + LETTERS, top + 2 + LETTERS), fill=color, outline=FRAME)
            pen.text((left + LINE + GAP, top), name, fill=INK, font=font)
        top += LINE + GAP


def _enlarged(condition: np.ndarray, cell: tuple[int, int]) -> Image.Image:
    """Enlarge the image of a condition to the size of a cell, without smoothing."""
    return Image.fromarray(condition).resize((cell[1], cell[0]), Image.Resampling.NEAREST)
