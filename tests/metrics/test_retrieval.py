"""Caption retrieval: right, wrong and at chance."""

import numpy as np
import pytest

from debruit.errors import InputError
from debruit.metrics.retrieval import Candidates, caption_retrieval, retrieval_in_class


def draw(count: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, 12))


def test_images_that_show_their_captions():
    captions = draw(200, 0)
    score = caption_retrieval(5 * captions + 0.1 * draw(200, 1), captions, network="M")
    assert score.value == 1
    assert (score.name, score.label, score.note) == ("caption-retrieval", "R@1 of 100-M", "0.010 at chance")


def test_unrelated_images_are_at_chance():
    score = caption_retrieval(draw(2000, 1), draw(2000, 0), network="M", among=10)
    assert score.value == pytest.approx(0.1, abs=0.03)
    assert score.low < 0.1 < score.high


def test_captions_of_others_are_never_nearer_than_ones_own_if_they_are_the_same():
    captions = draw(10, 0).repeat(20, axis=0)  # ten captions, each of twenty images
    assert caption_retrieval(captions, captions, network="M", among=10).value == 1


def test_an_encoder_that_gives_all_captions_nearly_the_same_vector_is_at_chance():
    images, captions = np.ones((50, 4)), np.ones((50, 4)) * np.arange(1, 51)[:, None]  # equal cosines
    assert caption_retrieval(images, captions, network="M", among=5).value == pytest.approx(0.2)


def test_too_few_captions():
    with pytest.raises(InputError, match="among 100 of 3 different captions"):
        caption_retrieval(draw(6, 1), draw(3, 0).repeat(2, axis=0), network="M")
    with pytest.raises(InputError, match="6 images and 5 captions"):
        caption_retrieval(draw(6, 1), draw(5, 0), network="M", among=2)


def test_captions_of_the_same_thing_do_not_count_as_others():
    captions = np.eye(40)
    things = np.arange(40) // 2  # two captions of each thing, of which the image is nearer to the other one
    images = captions[np.arange(40) ^ 1] + 0.5 * captions
    assert caption_retrieval(images, captions, network="M", among=40).value == 0
    assert caption_retrieval(images, captions, network="M", among=39, things=things).value == 1
    assert caption_retrieval(images, captions, network="M", among=40, things=things) is None, "38 others are left"


def test_in_its_class_a_caption_is_compared_with_other_things_of_that_class():
    captions, classes = draw(60, 0), np.arange(60) % 2
    captions[:, 0] = 30 * (1 - 2 * classes)  # the class is what an encoder sees first
    things, images = np.arange(60), captions.copy()
    images[:, 1:] = 0  # and all that these images show
    among = {"network": "M", "among": 20}
    assert caption_retrieval(images, captions, **among).value > 0.08, "the class leaves half of the others"
    candidates = Candidates(captions, things, classes)
    score = retrieval_in_class(images, captions, candidates, things=things, classes=classes, **among)
    assert (score.name, score.label) == ("caption-retrieval-in-class", "R@1 of 20 in class-M")
    assert score.value == pytest.approx(0.05, abs=0.08)
    shown = captions + 0.01 * draw(60, 1)
    assert retrieval_in_class(shown, captions, candidates, things=things, classes=classes, **among).value == 1
    wrong = retrieval_in_class(shown[::-1], captions, candidates, things=things, classes=classes, **among)
    assert wrong.value < 0.1


def test_images_of_small_classes_do_not_count():
    captions, things = draw(30, 0), np.arange(30)
    classes = np.where(things < 25, 0, 1)
    candidates = Candidates(captions, things, classes)
    score = retrieval_in_class(captions, captions, candidates, things=things, classes=classes, network="M", among=20)
    assert (score.value, score.count) == (1, 25)
    candidates = Candidates(captions, things // 30, classes)
    same = retrieval_in_class(
        captions, captions, candidates, things=things // 30, classes=classes, network="M", among=20
    )
    assert same is None
