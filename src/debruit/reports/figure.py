"""The figure of a report: conditions, real images and samples, column by column."""

import numpy as np
from PIL import Image

from debruit.evaluation.image_set import HELDOUT_RECONSTRUCTION, SAMPLES, TRAIN_RECONSTRUCTION, ImageSet
from debruit.evaluation.judge_data import captions_of
from debruit.evaluation.result import Evaluation
from debruit.images.canvas import Legend
from debruit.images.figures import displayable
from debruit.images.row_sheet import row_sheet

COLUMNS, CELL = 8, 96  # images in a row, and their least side in pixels
MARGIN = 92  # pixels, for the names of the rows
Rows = list[tuple[str, np.ndarray]]


def figure(evaluation: Evaluation) -> Image.Image | None:
    """The first samples with their conditions and real images, not selected; for an autoencoder, the first images and
    their reconstructions; None without images."""
    if evaluation.conditions is not None:
        rows, heads, lines, legend = _samples(evaluation)
    else:
        rows, heads, lines, legend = _reconstructions(evaluation), [], [], []
    return sheet(rows, heads, lines, legend) if rows else None


def _samples(evaluation: Evaluation) -> tuple[Rows, list[str], list[str], Legend]:
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


def sheet(rows: Rows, heads: list[str], lines: list[str], legend: Legend) -> Image.Image:
    """Draw the rows, with images enlarged to about CELL pixels."""
    height, width = rows[0][1].shape[1:3]
    scale = max(1, round(CELL / max(height, width)))
    return row_sheet(rows, heads=heads, lines=lines, legend=legend, scale=scale, margin=MARGIN)
