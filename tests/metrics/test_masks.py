"""Mean IoU against scikit-learn, and on masks where it is known."""

import numpy as np
import pytest
from sklearn.metrics import jaccard_score

from debruit.errors import InputError
from debruit.metrics.masks import mean_iou

NAMES = ("sky", "sea", "sand", "snow")


def masks(seed: int, classes: int = 3) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, classes, (6, 5, 7))


def test_agrees_with_scikit_learn():
    asked, found = masks(0), masks(1)
    found = np.where(masks(2) > 0, asked, found)
    mean, *each = mean_iou(found, asked, names=NAMES, network="S")
    expected = jaccard_score(asked.ravel(), found.ravel(), average=None)
    assert [s.value for s in each] == pytest.approx(list(expected))
    assert mean.value == pytest.approx(expected.mean())  # snow occurs nowhere, so that it does not count
    assert mean.note == "3 of 4 classes occur"
    assert [s.name for s in each] == ["iou-sky", "iou-sea", "iou-sand"]
    assert mean.low < mean.value < mean.high


def test_the_mask_itself_and_its_opposite():
    asked = masks(0, 2)
    assert mean_iou(asked, asked, names=NAMES, network="S")[0].value == 1
    assert mean_iou(1 - asked, asked, names=NAMES, network="S")[0].value == 0


def test_ignored_pixels_do_not_count():
    asked, found = masks(0, 2), masks(0, 2)
    asked[:, 0], found[:, 0] = 255, 3
    mean = mean_iou(found, asked, names=NAMES, network="S", ignore=255)[0]
    assert mean.value == 1
    with pytest.raises(InputError, match="a mask holds the class 255"):
        mean_iou(found, asked, names=NAMES, network="S")
    with pytest.raises(InputError, match="nothing is left to compare"):
        mean_iou(found[:, :1], asked[:, :1], names=NAMES, network="S", ignore=255)


def test_shapes_that_do_not_fit():
    with pytest.raises(InputError, match="give both as"):
        mean_iou(masks(0)[:, 0], masks(1)[:, 0], names=NAMES, network="S")
