"""The dominant hue is that of most pixels, grounds and outlines aside; agreement counts requested ones."""

import numpy as np
import pytest

from debruit.errors import InputError
from debruit.metrics.hues import colour_agreement, dominant
from debruit.metrics.interval import proportion

NAMES, HUES = ("white", "black", "red", "blue"), ("red", "blue")


def image(*counts: int) -> np.ndarray:
    """16 pixels of the classes, so many of each."""
    return np.repeat(np.arange(4), counts).reshape(4, 4).astype(np.uint8)


def test_ground_and_outline_count_only_where_there_is_nothing_else():
    images = np.stack([image(10, 3, 1, 2), image(10, 3, 2, 1), image(10, 6, 0, 0), image(0, 9, 7, 0)])
    assert [NAMES[k] for k in dominant(images, NAMES, HUES)] == ["blue", "red", "white", "red"]


def test_an_image_counts_by_itself():
    images = np.random.default_rng(0).integers(0, 4, (20, 8, 8)).astype(np.uint8)
    together = dominant(images, NAMES, HUES)
    assert together.tolist() == [dominant(one[None], NAMES, HUES)[0] for one in images]


def test_agreement_and_its_note():
    requested, shown = np.array([2, 2, 2, 3]), np.array([2, 3, 0, 3])
    score = colour_agreement(shown, requested, names=NAMES, network="palette")
    assert (score.value, score.count, score.better) == (0.5, 4, "high")
    assert (score.low, score.high) == proportion(2, 4)
    assert score.note.startswith("most often missed: red, 2 of 3, for ")
    assert colour_agreement(requested, requested, names=NAMES, network="palette").note == ""


def test_nothing_to_compare():
    with pytest.raises(InputError, match="give one of each an image"):
        colour_agreement(np.zeros(3), np.zeros(2), names=NAMES, network="palette")
    with pytest.raises(InputError, match="give one of each an image"):
        colour_agreement(np.zeros(0), np.zeros(0), names=NAMES, network="palette")
