"""Mask alignment: the segmentation of the samples against the requested masks.

IoU_k = |predicted k and requested k| / |predicted k or requested k|, over all pixels of all images; mIoU is the mean
over classes.
"""

from collections.abc import Sequence

import numpy as np

from debruit.errors import InputError
from debruit.metrics.score import Score, bootstrap


def mean_iou(
    predicted: np.ndarray, masks: np.ndarray, *, names: Sequence[str], network: str, ignore: int | None = None
) -> list[Score]:
    """The mean IoU over the classes that occur in either, then that of each of them, from class numbers (N, H, W);
    pixels whose mask is `ignore` do not count. The interval is over the choice of images.

    InputError: other shapes, or a class number without a name.
    """
    if predicted.shape != masks.shape or masks.ndim != 3 or not len(masks):
        raise InputError(
            f"segmentations {predicted.shape} and masks {masks.shape}: give both as (number of images, height, width)"
        )
    counts = np.stack([_counts(p, m, len(names), ignore) for p, m in zip(predicted, masks, strict=True)])
    occurs = counts[:, 1].sum(axis=0) > 0
    if not occurs.any():
        raise InputError("every pixel of the masks is of the class that is ignored: nothing is left to compare")
    everything = np.arange(len(masks))

    def score(of, value: float, name: str, label: str, note: str = "") -> Score:
        low, high = bootstrap(of, len(masks), value=value)
        return Score(
            name=name,
            label=label,
            value=value,
            low=max(low, 0.0),
            high=min(high, 1.0),
            count=len(masks),
            better="high",
            note=note,
        )

    mean = lambda i: float(_iou(counts, i)[occurs].mean())  # noqa: E731
    each = [
        score(
            lambda i, k=k: float(_iou(counts, i)[k]),
            float(_iou(counts, everything)[k]),
            f"iou-{names[k]}",
            f"IoU-{network}: {names[k]}",
        )
        for k in np.flatnonzero(occurs)
    ]
    note = f"{int(occurs.sum())} of {len(names)} classes occur"
    return [score(mean, mean(everything), "mask-iou", f"mIoU-{network}", note), *each]


def _counts(predicted: np.ndarray, mask: np.ndarray, classes: int, ignore: int | None) -> np.ndarray:
    """(2, K): pixels of each class in both, and in either."""
    scored = np.ones(mask.shape, bool) if ignore is None else mask != ignore
    p, m = predicted[scored], mask[scored]
    for what, values in (("segmentation", p), ("mask", m)):
        if values.size and (values.min() < 0 or values.max() >= classes):
            odd = values.max() if values.max() >= classes else values.min()
            raise InputError(
                f"a {what} holds the class {odd}, and there are names for 0 to {classes - 1}: give the palette's names"
            )
    both = np.bincount(m[p == m], minlength=classes)
    return np.stack([both, np.bincount(p, minlength=classes) + np.bincount(m, minlength=classes) - both])


def _iou(counts: np.ndarray, images: np.ndarray) -> np.ndarray:
    """(K,) over these images; a class that none of them has counts as 0 there."""
    both, either = counts[images].sum(axis=0)
    return both / np.maximum(either, 1)
