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
from PIL import Image

from debruit.images.canvas import GAP, LINE, Box, Canvas, Legend, legend_rows, wrapped

BETWEEN, MOST_LINES = 16, 3  # pixels between blocks; lines of a caption
LEAST_SIDE = 96  # pixels of a cell's longer side: smaller images are enlarged without smoothing


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


def sheet(groups: Sequence[Group], *, legend: Legend = ()) -> Sheet:
    """Draw all groups, and below them the names and colours of `legend`."""
    side = groups[0].samples.shape[1:3]
    scale = max(1, math.ceil(LEAST_SIDE / max(side)))
    cell = side[0] * scale, side[1] * scale
    layout = _best(groups, cell)
    below = legend_rows(legend, left=BETWEEN, right=layout.width, margin=BETWEEN)
    height = (
        sum(layout.heights)
        + BETWEEN * (len(layout.heights) + 1)
        + (len(below) * (LINE + GAP) + BETWEEN if below else 0)
    )
    canvas = Canvas(layout.width, height, scale=scale)
    top = BETWEEN
    for row, block_height in enumerate(layout.heights):
        for column in range(layout.across):
            k = row * layout.across + column
            if k < len(groups):
                left = BETWEEN + column * (layout.block + BETWEEN)
                _draw_block(canvas, groups[k], layout.captions[k], left, top, layout.columns, cell)
        top += block_height + BETWEEN
    canvas.legend(below, top)
    return Sheet(image=canvas.finished(), boxes=canvas.boxes)


def _draw_block(
    canvas: Canvas,
    group: Group,
    caption: Sequence[str],
    left: int,
    top: int,
    columns: int,
    cell: tuple[int, int],
) -> None:
    height, width = cell
    for line in caption:
        canvas.text(left, top, line)
        top += LINE
    top += GAP if caption else 0
    if group.condition is not None:
        canvas.condition(group.condition, left, top, width, height)
        left += width + 2 * GAP
    for n, (number, sample) in enumerate(zip(group.numbers, group.samples, strict=True)):
        canvas.paste(number, sample, left + n % columns * (width + GAP), top + n // columns * (height + GAP))


def _best(groups: Sequence[Group], cell: tuple[int, int]) -> _Layout:
    """Return the most nearly square layout; empty cells count as if they made it longer."""
    most, count = max(len(g.samples) for g in groups), len(groups)
    layouts = [_layout(groups, cell, columns, across) for columns in _some(most) for across in _some(count)]

    def cost(layout: _Layout) -> float:
        height = sum(layout.heights) + BETWEEN * (len(layout.heights) + 1)
        cells = layout.columns * math.ceil(most / layout.columns) * layout.across * len(layout.heights)
        return abs(math.log(layout.width / height)) + 0.5 * (cells / (most * count) - 1)

    return min(layouts, key=cost)


def _some(most: int) -> list[int]:
    """Numbers to try: all small ones, and of more only those about their square root."""
    root = math.isqrt(most)
    return [*range(1, most + 1)] if most <= 12 else sorted({1, 2, 3, 4, *range(max(1, root - 4), root + 9), most})


def _layout(groups: Sequence[Group], cell: tuple[int, int], columns: int, across: int) -> _Layout:
    height, width = cell
    conditioned = any(g.condition is not None for g in groups)
    block = columns * (width + GAP) - GAP + conditioned * (width + 2 * GAP)
    captions = tuple(wrapped(g.caption, block, MOST_LINES) for g in groups)
    tall = [
        len(lines) * LINE + GAP * bool(lines) + math.ceil(len(g.samples) / columns) * (height + GAP) - GAP
        for g, lines in zip(groups, captions, strict=True)
    ]
    heights = tuple(max(tall[k : k + across]) for k in range(0, len(groups), across))
    return _Layout(columns, across, BETWEEN + across * (block + BETWEEN), heights, captions, block)
