"""Requests in the captions of images besides the thing: a hue, and the class of the image, such as a style."""

import re

import numpy as np

from debruit.annotations.colour_words import hue_in
from debruit.data.dataset import Dataset
from debruit.data.groups import by_thing, groups_of
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


def things_of(dataset: Dataset) -> np.ndarray:
    """A number for the thing that each image shows, (N,) int64: by the column "thing" of the data's tables, else by the
    first caption without the name of the image's class, so that "swan, noto style" and "swan, flat style" are one."""
    if flag := by_thing(dataset):
        return groups_of(dataset, flag).numbers
    captions = [_words(caption) for caption in captions_of(dataset, np.arange(len(dataset)))]
    if dataset.labels is not None and len(dataset.spec.class_names):
        names = [_words(name) for name in dataset.spec.class_names]
        captions = [c.replace(names[label], " ", 1) for c, label in zip(captions, dataset.labels, strict=True)]
    return np.unique(captions, return_inverse=True)[1].astype(np.int64)


def largest_class(dataset: Dataset, indices: np.ndarray) -> int:
    """How many different things with a caption the class with most of them has among these images; 0 without
    classes."""
    if dataset.labels is None or dataset.texts is None or len(dataset.spec.class_names) < 2:
        return 0
    captioned = np.array([bool(caption) for caption in captions_of(dataset, indices)], bool)
    pairs = np.column_stack([dataset.labels[indices], things_of(dataset)[indices]])[captioned]
    return int(np.bincount(np.unique(pairs, axis=0)[:, 0]).max(initial=0)) if len(pairs) else 0


def _words(text: str) -> str:
    """The words of a text in small letters, each between spaces."""
    return " " + " ".join(re.findall(r"\w+", text.lower())) + " "
