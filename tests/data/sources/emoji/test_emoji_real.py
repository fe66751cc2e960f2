"""The real packages of the emoji, where they are at hand."""

from collections import defaultdict

import numpy as np
import pytest

from debruit.data.sources.drawings.raster import rasterised
from debruit.data.sources.emoji import recolour
from debruit.data.sources.emoji.collection import collected
from debruit.data.sources.emoji.held_out import usual
from debruit.data.sources.emoji.packages import NAMES
from debruit.files.keys import source_folder

FOLDER = source_folder("emoji")  # before the tests get caches of their own
COLLECTION = collected(FOLDER, NAMES) if FOLDER.is_dir() else None
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(COLLECTION is None or bool(COLLECTION.problem), reason="the packages of the emoji are not here"),
]


@pytest.fixture(scope="module")
def content():
    assert COLLECTION is not None
    return COLLECTION.content()


def test_as_many_drawings_and_things_as_were_counted(content):
    sets = defaultdict(set)
    for drawing in content.drawings:
        sets[drawing.thing].add(drawing.style)
    assert len(content.drawings) > 15_000
    assert sum(len(styles) >= 2 for styles in sets.values()) > 2_000
    assert sum(len(styles) >= 5 for styles in sets.values()) > 1_600
    assert len({drawing.item for drawing in content.drawings}) == len(content.drawings)
    toned = {drawing.thing for drawing in content.drawings if "skin tone" in drawing.name}
    assert toned == {"1F3FB", "1F3FC", "1F3FD", "1F3FE", "1F3FF"}  # the swatches alone


@pytest.mark.parametrize(
    ("thing", "sets", "name"),
    [
        ("1F600", 10, "grinning face"),
        ("1F408", 9, "cat"),
        ("1F431", 9, "cat face"),
        ("1F1EF-1F1F5", 6, "flag of Japan"),
        ("0031-20E3", 5, "keycap 1"),
        ("1F468-200D-1F33E", 6, "man farmer"),
        ("1F98A", 8, "fox"),
    ],
)
def test_a_thing_is_found_in_the_sets_that_draw_it(content, thing, sets, name):
    drawn = [drawing for drawing in content.drawings if drawing.thing == thing]
    assert len({drawing.style for drawing in drawn}) >= sets
    assert {drawing.name for drawing in drawn} == {name}


def test_the_licences_name_every_set(content):
    assert [licence.name for licence in content.licences] == list(NAMES)
    assert sum(licence.count for licence in content.licences) == len(content.drawings)
    alike = {licence.name for licence in content.licences if "-SA-" in licence.licence}
    assert alike == {"old-emojione", "openmoji"}


@pytest.mark.parametrize(("thing", "colour"), [("1F34C", "yellow"), ("1F438", "green"), ("1F433", "blue")])
def test_the_usual_colour_is_that_of_most_drawings(content, thing, colour):
    assert usual(thing) == colour
    found = [
        recolour.dominant(np.asarray(rasterised(drawing.svg, 64)))
        for drawing in content.drawings
        if drawing.thing == thing
    ]
    assert sum(one is not None and one.word == colour for one in found) >= len(found) / 2
