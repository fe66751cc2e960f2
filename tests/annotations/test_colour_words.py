"""Captions that ask for one hue, and those that do not."""

import pytest

from debruit.annotations.colour_words import HUES, hue_in


@pytest.mark.parametrize(
    ("caption", "hue"),
    [
        ("yellow car, noto style", "yellow"),
        ("a car, Yellow", "yellow"),
        ("voiture jaune, style noto", "yellow"),
        ("voitures vertes", "green"),
        ("cœur rose", "pink"),
        ("blue circle on a blue ground", "blue"),
        ("rose, flat style", ""),  # the flower
        ("red rose", ""),  # the flower too, but it reads as two hues
        ("red and blue flag", ""),
        ("black and yellow bee", ""),
        ("white heart", ""),
        ("blackbird", ""),
        ("car", ""),
        ("", ""),
    ],
)
def test_one_hue_or_none(caption, hue):
    assert hue_in(caption) == hue


def test_the_hues_are_classes_of_the_palette():
    from debruit.data.sources.drawings import colour_words

    assert set(HUES) == set(colour_words.HUES)
