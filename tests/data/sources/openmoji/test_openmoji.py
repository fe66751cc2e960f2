"""OpenMoji, the real one: drawings, names, groups, layers."""

import numpy as np
import pytest

from debruit.data.find import find_source
from debruit.data.sources.openmoji.groups import GROUPS, unicode_group
from debruit.data.sources.openmoji.names import emoji_name
from debruit.data.sources.openmoji.openmoji import OpenMoji
from debruit.data.sources.openmoji.svg_layers import layers, only
from debruit.errors import InputError


def test_all_drawings_with_and_without_skin_tones():
    plain, all_of_them = OpenMoji().items(), OpenMoji(skin_tones=True).items()
    assert len(plain) > 2000
    assert len(all_of_them) > 4000
    assert set(plain) < set(all_of_them)
    assert "1F44B" in plain
    assert "1F44B-1F3FD" not in plain
    assert "1F44B-1F3FD" in all_of_them


@pytest.mark.parametrize(
    ("item", "name", "group"),
    [
        ("1F600", "grinning face", "smileys-emotion"),
        ("2764-FE0F-200D-1F525", "heart on fire", "smileys-emotion"),
        ("1F44B-1F3FD", "waving hand medium skin tone", "people-body"),
        ("1F441", "eye", "people-body"),
        ("1F344", "mushroom", "animals-nature"),
        ("1F344-200D-1F7EB", "brown mushroom", "food-drink"),
        ("1F355", "pizza", "food-drink"),
        ("1F680", "rocket", "travel-places"),
        ("26BD", "soccer ball", "activities"),
        ("1F4A1", "light bulb", "objects"),
        ("0023-FE0F-20E3", "keycap #", "symbols"),
        ("1F1EB-1F1F7", "flag: France", "flags"),
        ("1F3F3-FE0F-200D-1F308", "rainbow flag", "flags"),
        ("1F9B0", "red hair", "component"),
    ],
)
def test_names_and_groups_of_unicode(item, name, group):
    assert emoji_name(item) == name
    assert unicode_group(item) == group


def test_what_unicode_does_not_know_as_emoji_is_extra():
    extras = OpenMoji(groups=("extras",)).items()
    assert "2654" in extras
    assert emoji_name("2654") == "white chess king"
    assert any(not emoji_name(item) for item in extras)  # OpenMoji's own signs
    for group in GROUPS:
        assert group == "extras" or all(emoji_name(item) for item in OpenMoji(groups=(group,)).items())


def test_groups_are_labels_and_a_single_group_has_none():
    dataset = OpenMoji(size=8, groups=("food-drink", "activities")).build()
    assert dataset.spec.class_names == ("food-drink", "activities")
    assert dataset[dataset.paths.index("1F355")] | {"image": 0} == {"image": 0, "label": 0, "text": "pizza"}
    alone = OpenMoji(size=8, groups=("component",)).build()
    assert alone.spec.class_names == ()
    assert set(alone[0]) == {"image", "text"}
    assert alone.spec.lettered


@pytest.mark.parametrize(("background", "corner"), [("white", 255), ("black", 0), ("#102030", (16, 32, 48))])
def test_drawn_on_the_background_at_the_asked_size(background, corner):
    dataset = OpenMoji(size=24, groups=("component",), background=background).build()
    assert dataset.spec.shape == (3, 24, 24)
    assert (dataset.images[:, :, 0, 0] == corner).all()
    assert all(image.std() > 5 for image in dataset.images)


def test_layers_and_masks():
    source = OpenMoji(size=36)
    assert source.layers("1F468-200D-1F9B0") == ("hair", "skin", "color", "line")
    hair, line = (source.mask("1F468-200D-1F9B0", layer) for layer in ("hair", "line"))
    assert hair.shape == (36, 36)
    assert hair.dtype == np.uint8
    assert hair.max() == line.max() == 255
    assert hair[:18].sum() > 5 * hair[24:].sum()  # it is on top
    red = source._rgb("1F468-200D-1F9B0")
    visible = (hair == 255) & (line == 0) & (source.mask("1F468-200D-1F9B0", "skin") == 0)
    assert (red[:, visible].T == (0xE2, 0x70, 0x22)).all()
    with pytest.raises(InputError, match="unknown layer of 1F468-200D-1F9B0 'hare', did you mean 'hair'"):
        source.mask("1F468-200D-1F9B0", "hare")
    with pytest.raises(InputError, match="unknown drawing of OpenMoji '1F46'"):
        source.layers("1F46")


def test_every_layer_of_a_drawing_is_in_its_picture():
    source = OpenMoji(size=16)
    for item in source.items()[::200]:
        covered = np.max([source.mask(item, layer) for layer in source.layers(item)], axis=0)
        drawn = source._rgb(item)
        assert (drawn[:, covered == 0] == 255).all(), item


def test_svg_layers_of_any_drawing():
    svg = '<svg xmlns="http://www.w3.org/2000/svg"><g id="a"><path d="M0,0"/></g><g id="b"/><g id="c"><g id="d"/></g>'
    svg += "</svg>"
    assert layers(svg) == ("a", "c")
    assert layers(only(svg, "a")) == ("a",)
    assert layers(only(svg, "z")) == ()


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"size": 0}, "size 0 is not allowed"),
        ({"groups": ("flag",)}, "unknown group of OpenMoji 'flag', did you mean 'flags'"),
        ({"background": "whit"}, "unknown background colour 'whit', did you mean 'white'"),
    ],
)
def test_bad_settings(settings, sentence):
    with pytest.raises(InputError, match=sentence):
        OpenMoji(**settings)


def test_faces_are_a_part_that_can_be_requested():
    faces = find_source("openmoji/faces")
    chosen = faces.items()
    assert 100 < len(chosen) < 130
    assert {"1F600", "1F642", "1F970", "2639"} <= set(chosen)
    assert not {"1F63A", "1F47B", "2764", "1F4A9", "1F648"} & set(chosen), "no cats, ghosts, hearts or monkeys"
    assert set(chosen) <= set(OpenMoji(groups=("smileys-emotion",)).items())
    with pytest.raises(InputError, match="faces"):
        find_source("openmoji/face")
