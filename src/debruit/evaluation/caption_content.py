"""Requests in the captions of images besides the thing: a hue, and the class of the image, such as a style."""

import re

import numpy as np

from debruit.annotations.colour_words import hue_in
from debruit.data.dataset import Dataset
from debruit.evaluation.judge_data import captions_of
from debruit.judges.hues import NAMES

NONE = -1


def requested_hues(dataset: Dataset, indices: np.ndarray) -> np.ndarray:
    """The hue that the caption of each image names, by its position in the palette, (N,) int64; NONE without one."""
    hues = (hue_in(caption) for caption in captions_of(dataset, indices))
    return np.array([NAMES.index(hue) if hue else NONE for hue in hues], np.int64)


def names_class(dataset: Dataset, indices: np.ndarray) -> np.ndarray:
    """Whether the caption of each image holds the name of its class as words of its own, (N,) bool: "a swan, noto
    style" names the class noto."""
    if dataset.labels is None or dataset.texts is None:
        return np.zeros(len(indices), bool)
    words = [_words(name) for name in dataset.spec.class_names]
    named = zip(dataset.labels[indices].tolist(), captions_of(dataset, indices), strict=True)
    return np.array([words[label] in _words(caption) for label, caption in named], bool)


def _words(text: str) -> str:
    """The words of a text in small letters, each between spaces."""
    return " " + " ".join(re.findall(r"\w+", text.lower())) + " "
