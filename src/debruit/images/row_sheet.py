"""Rows of images under common heads: the name of each row to its left, a legend and lines of text below."""

import textwrap
from collections.abc import Sequence

import numpy as np
from PIL import Image

from debruit.images.canvas import GAP as LEGEND_GAP
from debruit.images.canvas import LETTERS, LINE, Canvas, Legend, cut, legend_rows

GAP, MARGIN, LETTER = 6, 170, 7  # pixels: between images, for the names of the rows, and of a usual letter
Rows = Sequence[tuple[str, np.ndarray]]


def row_sheet(
    rows: Rows,
    *,
    heads: Sequence[str] = (),
    lines: Sequence[str] = (),
    legend: Legend = (),
    scale: int = 1,
    margin: int = MARGIN,
) -> Image.Image:
    """Draw rows of images, each (n, H, W, 3) uint8, numbered row by row and enlarged `scale` times.

    The name of a row is in the `margin` of that many pixels, broken between words; a head that is wider than its column
    is cut; `lines` are broken to the width of the sheet.
    """
    height, width = rows[0][1].shape[1] * scale, rows[0][1].shape[2] * scale
    whole = margin + max(len(images) for _, images in rows) * (width + GAP)
    entries = legend_rows(legend, left=margin, right=whole, margin=2 * GAP)
    text = [part for line in lines for part in textwrap.wrap(line, max(4, whole // LETTER))]
    top = LINE + GAP if any(heads) else GAP
    below = top + len(rows) * (height + GAP)
    under = below + (len(entries) * (LINE + LEGEND_GAP) + GAP - LEGEND_GAP if entries else 0)
    canvas = Canvas(whole, under + (LINE * len(text) + GAP if text else 0), scale=scale)
    for column, head in enumerate(heads):
        canvas.text(margin + column * (width + GAP), GAP // 2, cut(head, width), "black")
    number = 0
    for row, (name, images) in enumerate(rows):
        y = top + row * (height + GAP)
        _name(canvas, name, y + height // 2 - LETTERS // 2, margin)
        for column, image in enumerate(images):
            canvas.paste(number, image, margin + column * (width + GAP), y)
            number += 1
    canvas.legend(entries, below)
    for n, line in enumerate(text):
        canvas.text(margin, under + n * LINE, line, "black")
    return canvas.finished(by_row=True)


def _name(canvas: Canvas, name: str, middle: int, margin: int) -> None:
    """Write the name of a row in lines about the middle of the row."""
    lines = textwrap.wrap(name, margin // LETTER, break_long_words=False)
    for n, line in enumerate(lines):
        canvas.text(GAP, middle - (len(lines) - 1) * LINE // 2 + n * LINE, line, "black")
