"""Areas of class numbers: openings, and filling what has no class from what is nearest."""

import numpy as np


def opened(marked: np.ndarray, side: int) -> np.ndarray:
    """Where a square of side x side marked pixels fits, of (..., H, W) booleans: the morphological opening."""
    if side > min(marked.shape[-2:]):
        return np.zeros_like(marked)
    inner = marked
    for axis in (-1, -2):
        inner = _joined(inner, side, axis, np.logical_and)
    margin = [(0, 0)] * (marked.ndim - 2) + [(side - 1, side - 1)] * 2
    outer = np.pad(inner, margin)
    for axis in (-1, -2):
        outer = _joined(outer, side, axis, np.logical_or)
    return outer


def _joined(marked: np.ndarray, side: int, axis: int, join: np.ufunc) -> np.ndarray:
    """`join` over windows of `side` along an axis, which becomes side - 1 shorter; by doubling."""
    marked, width = np.moveaxis(marked, axis, -1), 1
    while width < side:
        step = min(width, side - width)
        marked, width = join(marked[..., :-step], marked[..., step:]), width + step
    return np.moveaxis(marked, -1, axis)


def filled(numbers: np.ndarray, known: np.ndarray, classes: int) -> np.ndarray:
    """Fill the unknown pixels of class numbers (N, H, W) ring by ring, with the most frequent class of the known
    neighbours. An image without any known pixel stays as it is."""
    numbers, known = numbers.copy(), known.copy()
    present = [n for n in range(classes) if (known & (numbers == n)).any()]
    while not known.all():
        most = np.zeros(numbers.shape, np.uint8)
        best = np.zeros(numbers.shape, np.uint8)
        for n in present:
            count = around(known & (numbers == n))
            best[count > most] = n
            np.maximum(most, count, out=most)
        new = ~known & (most > 0)
        if not new.any():
            break
        numbers[new] = best[new]
        known |= new
    return numbers


def around(marked: np.ndarray) -> np.ndarray:
    """How many of the 3 x 3 pixels around each are marked, (N, H, W) uint8."""
    padded = np.pad(marked.astype(np.uint8), ((0, 0), (1, 1), (1, 1)))
    rows = padded[:, :-2] + padded[:, 1:-1] + padded[:, 2:]
    return rows[..., :-2] + rows[..., 1:-1] + rows[..., 2:]


def most_frequent(numbers: np.ndarray, size: int, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Class numbers (f size, f size) -> the most frequent one of each f x f block, (size, size) uint8, and whether it
    has one below `classes`."""
    finer = numbers.shape[0] // size
    blocks = numbers.reshape(size, finer, size, finer)
    present = np.flatnonzero(np.bincount(numbers.ravel(), minlength=classes)[:classes])
    if not len(present):
        return np.zeros((size, size), np.uint8), np.zeros((size, size), bool)
    counts = np.stack([(blocks == n).sum(axis=(1, 3), dtype=np.int32) for n in present])
    return present.astype(np.uint8)[counts.argmax(axis=0)], counts.max(axis=0) > 0
