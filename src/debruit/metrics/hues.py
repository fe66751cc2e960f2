"""Colour agreement: whether the dominant hue of an image is the requested one.

The dominant hue is the class of a palette that covers most pixels, among those that are hues: white, grey and black are
grounds, outlines and shadows, and count only where there is nothing else.
"""

from collections.abc import Sequence

import numpy as np

from debruit.errors import InputError
from debruit.metrics.classes import share
from debruit.metrics.score import Score


def dominant(numbers: np.ndarray, names: Sequence[str], hues: Sequence[str]) -> np.ndarray:
    """The class (N,) that covers most of each image, from class numbers (N, H, W) of the palette's `names`: of `hues`
    if there is any pixel of them, else of all classes."""
    flat = numbers.reshape(len(numbers), -1).astype(np.int64) + len(names) * np.arange(len(numbers))[:, None]
    counts = np.bincount(flat.ravel(), minlength=len(names) * len(numbers)).reshape(len(numbers), len(names))
    of_hues = np.where(np.isin(names, list(hues)), counts, 0)
    return np.where(of_hues.any(axis=1), of_hues.argmax(axis=1), counts.argmax(axis=1))


def colour_agreement(shown: np.ndarray, requested: np.ndarray, *, names: Sequence[str], network: str) -> Score:
    """The share of images whose dominant hue `shown` (N,) is the `requested` one (N,), with Wilson's interval; the note
    names the hue that is missed most often.

    InputError: no images, or another number of hues.
    """
    if not len(shown) or shown.shape != requested.shape:
        raise InputError(
            f"the hues {shown.shape} of images and {requested.shape} that were requested: give one of each an image"
        )
    hits = shown == requested
    missed = np.bincount(requested[~hits], minlength=len(names))
    note = ""
    if missed.any():
        worst = int(missed.argmax())
        instead = int(np.bincount(shown[~hits & (requested == worst)]).argmax())
        note = (
            f"most often missed: {names[worst]}, {missed[worst]} of {(requested == worst).sum()}, for {names[instead]}"
        )
    return share(hits, name="colour-agreement", label=f"hue as requested-{network}", note=note)
