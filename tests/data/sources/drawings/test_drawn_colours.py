"""Colours as words: OKLab, the regions of the eleven words, areas of them, the dominant hue."""

import numpy as np
import pytest

from debruit.data.sources.drawings import masks
from debruit.data.sources.drawings.areas import filled, most_frequent
from debruit.data.sources.drawings.colour_words import HUES, NAMES, PALETTE, classes, dominant_hue
from debruit.data.sources.drawings.oklab import lch, srgb, turned
from debruit.data.sources.emoji.recolour import TARGETS
from debruit.data.sources.openmoji.segmentation import FAMILIES
from debruit.images.pixels import parse_color


def test_oklab_there_and_back():
    pixels = np.random.default_rng(0).integers(0, 256, (500, 3))
    np.testing.assert_allclose(srgb(lch(pixels)), pixels, atol=1e-6)


@pytest.mark.parametrize(
    ("colour", "light", "chroma", "hue"), [("#ff0000", 0.628, 0.2577, 29.2), ("#00ff00", 0.8664, 0.2948, 142.5)]
)
def test_oklab_of_primary_colours(colour, light, chroma, hue):
    """The values of CSS Color 4 for them."""
    np.testing.assert_allclose(lch(np.array(parse_color(colour))), [light, chroma, hue], rtol=2e-3)


def test_what_a_screen_cannot_show_keeps_lightness_and_hue():
    asked = np.array([[0.6, 0.4, 145.0], [0.9, 0.3, 20.0]])
    shown = lch(srgb(asked))
    np.testing.assert_allclose(shown[:, 0], asked[:, 0], atol=0.02)
    assert (np.abs(turned(shown[:, 2] - asked[:, 2], 0.0)) < 4).all()
    assert (shown[:, 1] < asked[:, 1]).all()


def test_openmojis_shades_have_the_words_of_their_families():
    """But for an orange one that is yellow, #f1b31c."""
    wrong = {
        shade: NAMES[classes(np.array(parse_color(shade), np.uint8))]
        for family, shades in FAMILIES.items()
        for shade in shades.split()
        if NAMES[classes(np.array(parse_color(shade), np.uint8))] != family
    }
    assert wrong == {"#f1b31c": "yellow"}


@pytest.mark.parametrize("word", HUES)
def test_new_colours_have_their_own_words(word):
    pixel = srgb(np.array(TARGETS[word])).round().astype(np.uint8)
    assert NAMES[classes(pixel)] == word
    assert NAMES[dominant_hue(np.tile(pixel, (4, 4, 1)))] == word


def test_the_dominant_hue_passes_over_greys():
    image = np.full((8, 8, 3), 255, np.uint8)
    assert dominant_hue(image) == -1
    image[:2, :2] = PALETTE[NAMES.index("blue")]
    assert NAMES[dominant_hue(image)] == "blue"
    image[4:] = PALETTE[NAMES.index("red")]
    assert NAMES[dominant_hue(image)] == "red"
    assert NAMES[dominant_hue(image, np.arange(64).reshape(8, 8) < 32)] == "blue"


def test_areas_without_outlines_and_smoothed_edges():
    image = np.full((3, 32, 32), 255, np.uint8)
    disc = (np.indices((32, 32)) - 15.5).__pow__(2).sum(0) < 100
    image[:, disc] = np.array(PALETTE[NAMES.index("red")])[:, None]
    image[:, 4:28, 16] = 0  # a line
    image[:, :, 3] = (image[:, :, 3] // 2 + 60).astype(np.uint8)  # one column of another grey
    numbers = masks.segment(image[None])[0]
    assert {NAMES[n] for n in np.unique(numbers)} == {"white", "red"}
    image[:, 8:16, 8:16] = 0  # an area
    assert NAMES[masks.segment(image[None])[0][12, 12]] == "black"


def test_the_most_frequent_class_of_blocks_and_filling():
    numbers = np.array([[1, 1, 3, 3], [1, 2, 3, 3], [3, 3, 2, 2], [3, 3, 0, 0]], np.uint8)
    blocks, known = most_frequent(numbers, 2, 3)
    assert known.tolist() == [[True, False], [False, True]]
    assert blocks[0, 0] == 1
    assert blocks[1, 1] == 0
    assert filled(blocks[None], known[None], 3)[0].tolist() == [[1, 0], [0, 0]]
