"""Scores from logits: known values, torchmetrics, and inputs that are refused."""

import numpy as np
import pytest
import torch
from torch import nn

from debruit.errors import InputError
from debruit.metrics.classes import accuracy_by_class, class_accuracy, conditional_entropy, inception_score

LOGITS = np.random.default_rng(0).normal(size=(40, 5)).astype(np.float32) * 3


def sure(classes) -> np.ndarray:
    """Logits of a classifier that has no doubt."""
    return np.eye(4, dtype=np.float32)[np.asarray(classes)] * 1000


def test_accuracy_counts_what_was_requested():
    score = class_accuracy(sure([0, 1, 2, 3, 0, 0]), np.array([0, 1, 2, 3, 1, 2]), network="C")
    assert score.value == pytest.approx(4 / 6)
    assert score.low < score.value < score.high
    assert (score.name, score.label, score.count) == ("accuracy", "accuracy-C", 6)
    everything = class_accuracy(sure([0, 1]), np.array([0, 1]), network="C")
    assert everything.high == 1
    assert everything.low < 0.5  # two of two prove little


def test_accuracy_by_class_names_the_confusion():
    scores = accuracy_by_class(
        sure([0, 0, 2, 2, 2, 3]), np.array([0, 0, 1, 1, 2, 3]), network="C", names=("shoe", "bag", "hat", "coat")
    )
    assert [(s.name, s.value, s.count) for s in scores] == [
        ("accuracy-shoe", 1.0, 2),
        ("accuracy-bag", 0.0, 2),
        ("accuracy-hat", 1.0, 1),
        ("accuracy-coat", 1.0, 1),
    ]
    assert scores[1].note == "100.0% are taken for hat"
    assert scores[0].note == ""


def test_entropy_lies_between_certainty_and_ignorance():
    assert conditional_entropy(sure([0, 1, 2]), network="C").value == 0
    flat = conditional_entropy(np.zeros((7, 4)), network="C")
    assert flat.value == pytest.approx(np.log(4))
    assert flat.unit == "nats"
    p = torch.from_numpy(LOGITS).double().softmax(1)
    expected = torch.distributions.Categorical(probs=p).entropy().mean()
    assert conditional_entropy(LOGITS, network="C").value == pytest.approx(float(expected), rel=1e-9)


def test_inception_score_of_known_cases():
    assert inception_score(sure([0, 1, 2, 3] * 5), network="C").value == pytest.approx(4)
    assert inception_score(sure([2] * 10), network="C").value == pytest.approx(1)
    assert inception_score(np.zeros((10, 4)), network="C").value == pytest.approx(1)


def test_inception_score_agrees_with_torchmetrics():
    from torchmetrics.image.inception import InceptionScore

    peer = InceptionScore(feature=nn.Flatten(), splits=1)
    peer.update(torch.from_numpy(LOGITS).double()[:, :, None, None])
    score = inception_score(LOGITS, network="C")
    assert score.value == pytest.approx(float(peer.compute()[0]), rel=1e-6)
    assert score.low < score.value < score.high
    assert score.label == "IS-C"


@pytest.mark.parametrize(
    ("labels", "sentence"),
    [
        (None, "no labels are known"),
        (np.zeros(3, int), r"40 samples and labels of shape \(3,\)"),
        (np.full(40, 5), "label 5 was requested, and the classifier knows 0 to 4"),
        (np.full(40, -1), "label -1"),
    ],
)
def test_labels_that_do_not_fit(labels, sentence):
    with pytest.raises(InputError, match=sentence):
        class_accuracy(LOGITS, labels, network="C")
    with pytest.raises(InputError, match=sentence):
        accuracy_by_class(LOGITS, labels, network="C", names="abcde")
