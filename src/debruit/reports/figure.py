"""The figure of a report: conditions, real images and samples, column by column."""

import textwrap

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from debruit.evaluation.image_set import HELDOUT_RECONSTRUCTION, SAMPLES, TRAIN_RECONSTRUCTION, ImageSet
from debruit.evaluation.judge_data import captions_of
from debruit.evaluation.result import Evaluation
from debruit.images.figures import displayable
from debruit.images.grids import KEY, Cells

COLUMNS, CELL = 8, 96  # images in a row, and their least side in pixels
GAP, MARGIN, LINE, SIZE = 6, 92, 17, 13  # pixels; the margin holds the names of the rows
Rows = list[tuple[str, np.ndarray]]


def figure(evaluation: Evaluation) -> Image.Image | None:
    """The first samples with their conditions and real images, not selected; for an autoencoder, the first images and
    their reconstructions; None without images."""
    if evaluation.conditions is not None:
        rows, heads, lines, legend = _samples(evaluation)
    else:
        rows, heads, lines, legend = _reconstructions(evaluation), [], [], []
    return _draw(rows, heads, lines, legend) if rows else None


def _samples(evaluation: Evaluation) -> tuple[Rows, list[str], list[str], list[tuple[str, tuple[int, int, int]]]]:
    """Rows, heads of the columns, captions, and the legend of the masks."""
    samples, conditions = evaluation.sets[SAMPLES], evaluation.conditions
    assert conditions is not None
    spec, count, data = samples.spec, min(COLUMNS, len(samples)), conditions.dataset
    rows: Rows = []
    legend: list[tuple[str, tuple[int, int, int]]] = []
    real, classes = _real(evaluation, count)
    if conditions.has("mask") and data.masks is not None:
        masks = np.asarray(data.masks[real])
        rows.append(("mask", np.asarray(spec.palette, np.uint8)[masks]))
        legend = [(spec.mask_names[k], spec.palette[k]) for k in np.unique(masks)]
    name = "real image" if conditions.fields is not None else "real images"
    rows.append((name, displayable(data.images_of(real), spec)))
    rows.append(("sample", displayable(samples.images[:count], spec)))
    lines = []
    if conditions.has("prompt"):
        lines = [f"{k}: {caption or '(no caption)'}" for k, caption in enumerate(captions_of(data, real), start=1)]
    heads = [spec.class_names[k] if k is not None else "" for k in classes]
    if lines:
        heads = [f"{k}  {head}".strip() for k, head in enumerate(heads, start=1)]
    return rows, heads, lines, legend


def _real(evaluation: Evaluation, count: int) -> tuple[np.ndarray, list[int | None]]:
    """The real images of the columns, and the class of each column: the counterparts of the samples, or if the classes
    are requested in turn, images of those classes."""
    conditions, samples, baseline = evaluation.conditions, evaluation.sets[SAMPLES], evaluation.split.baseline
    assert conditions is not None
    classes: list[int | None] = [None] * count
    if samples.labels is not None:
        classes = [int(k) for k in samples.labels[:count]]
    real = conditions.counterparts(0, count)
    if conditions.fields is None and samples.labels is not None and conditions.dataset.labels is not None:
        labels, used, real = conditions.dataset.labels[baseline], set(), real.copy()
        for n, k in enumerate(classes):
            free = next((i for i in np.flatnonzero(labels == k) if i not in used), None)
            if free is not None:
                used.add(free)
                real[n] = baseline[free]
    return real, classes


def _reconstructions(evaluation: Evaluation) -> Rows:
    images: ImageSet | None = evaluation.sets.get(HELDOUT_RECONSTRUCTION, evaluation.sets.get(TRAIN_RECONSTRUCTION))
    if images is None or images.originals is None:
        return []
    rows = {"original": images.originals.images, "reconstruction": images.images}
    return [(name, displayable(part[:COLUMNS], images.spec)) for name, part in rows.items()]


def _draw(
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
        for column, image in enumerate(shown):
            left = MARGIN + column * (wide + GAP)
            sheet.paste(Image.fromarray(image.repeat(scale, 0).repeat(scale, 1)), (left, y))
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
