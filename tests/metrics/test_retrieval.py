"""Caption retrieval: right, wrong and at chance."""

import numpy as np
import pytest

from debruit.errors import InputError
from debruit.metrics.retrieval import caption_retrieval


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
