"""A canvas for contact sheets: images that can be read back by their numbers, text, and a legend of colours."""

import math
from collections.abc import Sequence
from functools import cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from debruit.images.grids import KEY, Cells

LETTERS, LINE, GAP = 13, 17, 4  # points of a letter; pixels of a line of text, and between a colour and its name
INK, FRAME = (20, 20, 20), (90, 90, 90)
MOST_CLASSES = 32  # that a legend names

Box = tuple[int, int, int, int]  # left, top, right, bottom
Colour = tuple[int, int, int]
Legend = Sequence[tuple[str, Colour]]  # names and their colours
LegendRows = list[list[tuple[int, str, Colour | None]]]  # of each entry: where it begins, its name, its colour


@cache
def font() -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """The font of all text."""
    return ImageFont.load_default(LETTERS)


class Canvas:
    """A white image of `width` x `height` pixels. Images are pasted enlarged `scale` times, without smoothing;
    `boxes` is where each is, by its number."""

    def __init__(self, width: int, height: int, *, scale: int) -> None:
        self.image, self.scale = Image.new("RGB", (width, height), "white"), scale
        self.boxes: dict[int, Box] = {}
        self._pen = ImageDraw.Draw(self.image)

    def paste(self, number: int, pixels: np.ndarray, left: int, top: int) -> None:
        """Paste image `number`, (H, W, 3) uint8."""
        enlarged = Image.fromarray(pixels.repeat(self.scale, 0).repeat(self.scale, 1))
        self.image.paste(enlarged, (left, top))
        self.boxes[number] = (left, top, left + enlarged.width, top + enlarged.height)

    def condition(self, pixels: np.ndarray, left: int, top: int, width: int, height: int) -> None:
        """Paste the image of a condition, (H, W, 3) uint8, resized without smoothing, in a dark frame."""
        resized = Image.fromarray(pixels).resize((width, height), Image.Resampling.NEAREST)
        self.image.paste(resized, (left, top))
        self._pen.rectangle((left - 2, top - 2, left + width + 1, top + height + 1), outline=FRAME, width=2)

    def text(self, left: int, top: int, line: str, ink: str | Colour = INK) -> None:
        """Write one line."""
        self._pen.text((left, top), line, fill=ink, font=font())

    def legend(self, rows: LegendRows, top: int) -> None:
        """Draw the rows of `legend_rows`, from `top` on."""
        for row in rows:
            for left, name, colour in row:
                if colour is not None:
                    self._pen.rectangle((left, top + 2, left + LETTERS, top + 2 + LETTERS), fill=colour, outline=FRAME)
                self.text(left + LINE + GAP, top, name)
            top += LINE + GAP

    def finished(self, *, by_row: bool = False) -> Image.Image:
        """Return the image with the boxes of its cells, in the order of their numbers, for the file (grids.py)."""
        boxes = tuple(self.boxes[n] for n in sorted(self.boxes))
        self.image.info[KEY] = Cells(boxes=boxes, scale=self.scale, by_row=by_row).text()
        return self.image


def cut(line: str, width: int) -> str:
    """The line, or as much of it as fits into `width` pixels with an ellipsis behind it."""
    if font().getlength(line) <= width:
        return line
    short = line.rstrip("… ")
    while short and font().getlength(short + "…") > width:
        short = short[:-1]
    return short + "…"


def wrapped(text: str, width: int, most: int) -> tuple[str, ...]:
    """A text in lines of at most `width` pixels; what does not fit in `most` lines ends in an ellipsis."""
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and font().getlength(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    fitting = [cut(line, width) for line in lines[:most]]
    if len(lines) > most:
        fitting[-1] = cut(fitting[-1] + " …", width)
    return tuple(fitting)


def legend_rows(legend: Legend, *, left: int, right: int, margin: int) -> LegendRows:
    """The entries of a legend in rows that begin at `left` and end before `right`, with `margin` pixels between them;
    at most MOST_CLASSES."""
    more = len(legend) - MOST_CLASSES
    entries = [*legend[:MOST_CLASSES], *([(f"and {more} more", None)] if more > 0 else [])]
    rows: LegendRows = []
    at = left
    for name, colour in entries:
        short = cut(name, max(right - left - margin - LINE, LINE))
        long = math.ceil(LINE + GAP + font().getlength(short) + margin)
        if not rows or at + long > right:
            rows.append([])
            at = left
        rows[-1].append((at, short, colour))
        at += long
    return rows
