"""The figure of a report as a picture by itself: what samples were asked for, the real image that has it, and the sample, column by column."""

import textwrap

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from debruit.evaluation.image_set import ImageSet
from debruit.evaluation.loaded import LoadedModel
from debruit.evaluation.pipeline import Evaluation
from debruit.evaluation.teaching import captions_of
from debruit.images import pictures
from debruit.images.grids import KEY, Cells

COLUMNS, CELL = 8, 96  # pictures in a row, and their least side in pixels
GAP, MARGIN, LINE, SIZE = 6, 92, 17, 13  # pixels; the margin holds the names of the rows
Rows = list[tuple[str, np.ndarray]]


def figure(found: Evaluation) -> Image.Image | None:
    """A picture of the first samples, not chosen; of an autoencoder, of the first images and what became of them. None where there are none."""
    if isinstance(found.subject, LoadedModel):
        rows, heads, lines, legend = _samples(found)
    else:
        rows, heads, lines, legend = _passages(found), [], [], []
    return _drawn(rows, heads, lines, legend) if rows else None


def _samples(found: Evaluation) -> tuple[Rows, list[str], list[str], list[tuple[str, tuple[int, int, int]]]]:
    """Rows, what stands above the columns, captions, and the legend of the masks."""
    side, wanted = found.sides["samples"], found.wanted
    assert wanted is not None
    count, data = min(COLUMNS, len(side)), wanted.dataset
    rows: Rows = []
    legend: list[tuple[str, tuple[int, int, int]]] = []
    names = side.spec.class_names
    real, classes = _real(found, count)
    if wanted.has("mask") and data.masks is not None:
        masks = np.asarray(data.masks[real])
        rows.append(("mask", np.asarray(side.spec.palette, np.uint8)[masks]))
        legend = [(side.spec.mask_names[k], side.spec.palette[k]) for k in np.unique(masks)]
    rows.append(("real image" if wanted.fields is not None else "real images", _pictures(data.images_of(real), side)))
    rows.append(("sample", _pictures(side.images[:count], side)))
    lines = []
    if wanted.has("text"):
        lines = [f"{k}: {caption or '(no caption)'}" for k, caption in enumerate(captions_of(data, real), start=1)]
    heads = [names[k] if k is not None else "" for k in classes]
    if lines:
        heads = [f"{k}  {head}".strip() for k, head in enumerate(heads, start=1)]
    return rows, heads, lines, legend


def _real(found: Evaluation, count: int) -> tuple[np.ndarray, list[int | None]]:
    """The real images beside the samples, and the class of each column: counterparts, or where the classes are asked for in turn, images of those."""
    wanted, side, floor = found.wanted, found.sides["samples"], found.division.floor
    assert wanted is not None
    classes: list[int | None] = [None] * count
    if side.labels is not None:
        classes = [int(k) for k in side.labels[:count]]
    real = wanted.counterparts(0, count)
    if wanted.fields is None and side.labels is not None and wanted.dataset.labels is not None:
        labels, used, real = wanted.dataset.labels[floor], set(), real.copy()
        for n, k in enumerate(classes):
            free = next((i for i in np.flatnonzero(labels == k) if i not in used), None)
            if free is not None:
                used.add(free)
                real[n] = floor[free]
    return real, classes


def _passages(found: Evaluation) -> Rows:
    side = found.sides.get("decoded", found.sides.get("seen"))
    if side is None or side.originals is None:
        return []
    count = min(COLUMNS, len(side))
    return [
        ("original", _pictures(side.originals.images[:count], side)),
        ("reconstruction", _pictures(side.images[:count], side)),
    ]


def _pictures(images, side: ImageSet) -> np.ndarray:
    return pictures.displayable(images, side.spec)


def _drawn(
    rows: Rows, heads: list[str], lines: list[str], legend: list[tuple[str, tuple[int, int, int]]]
) -> Image.Image:
    count, height, width = rows[0][1].shape[:3]
    scale = max(1, round(CELL / max(height, width)))
    high, wide = height * scale, width * scale
    font = ImageFont.load_default(SIZE)
    letters = max(4, (MARGIN + count * (wide + GAP)) // 7)
    text = [line for caption in lines for line in textwrap.wrap(caption, letters)]
    top = LINE + GAP if any(heads) else GAP
    below = top + len(rows) * (high + GAP)
    total = below + (LINE + GAP if legend else 0) + LINE * len(text) + (GAP if text else 0)
    sheet = Image.new("RGB", (MARGIN + count * (wide + GAP), total), "white")
    pen = ImageDraw.Draw(sheet)
    for column, head in enumerate(heads):
        pen.text((MARGIN + column * (wide + GAP), GAP // 2), _fitting(pen, head, wide, font), fill="black", font=font)
    boxes = []
    for row, (name, shown) in enumerate(rows):
        y = top + row * (high + GAP)
        pen.text((GAP, y + high // 2 - SIZE // 2), name, fill="black", font=font)
        for column, picture in enumerate(shown):
            left = MARGIN + column * (wide + GAP)
            sheet.paste(Image.fromarray(picture.repeat(scale, 0).repeat(scale, 1)), (left, y))
            boxes.append((left, y, left + wide, y + high))
    sheet.info[KEY] = Cells(boxes=tuple(boxes), scale=scale, by_row=True).text()
    x = MARGIN
    for name, colour in legend:
        needed = LINE + GAP + round(pen.textlength(name, font=font)) + 2 * GAP
        if x + needed > sheet.width and x > MARGIN:
            pen.text((x, below), "...", fill="black", font=font)
            break
        pen.rectangle((x, below, x + SIZE, below + SIZE), fill=colour, outline="gray")
        pen.text((x + LINE + GAP // 2, below - 1), name, fill="black", font=font)
        x += needed
    for n, line in enumerate(text):
        pen.text((MARGIN, below + (LINE + GAP if legend else 0) + n * LINE), line, fill="black", font=font)
    return sheet


def _fitting(pen: ImageDraw.ImageDraw, text: str, width: int, font) -> str:
    """The text cut to a width, with dots where something is missing."""
    while text and pen.textlength(text, font=font) > width:
        text = text[:-4] + "..." if text.endswith("...") else text[:-1] + "..."
        if text == "...":
            return ""
    return text
