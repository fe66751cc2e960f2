"""Pictures that are given to an edit, a condition or the lecture: their colours as they look, upright."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch
from hearing import noticed
from PIL import Image

from debruit.conditioning.first_frame import FirstFrame
from debruit.editing.reading import read_image
from debruit.images.pixels import read_header
from debruit.images.spec import DataSpec
from debruit.lecture.example import from_file
from on import On

spec_of = importlib.util.spec_from_file_location(
    "profiles", Path(__file__).parents[1] / "images" / "test_colour_profiles.py"
)
profiles = importlib.util.module_from_spec(spec_of)
spec_of.loader.exec_module(profiles)

SPEC = DataSpec(name="x", channels=3, height=8, width=12, depth="uint8", low=0, high=255, count=1)


@pytest.fixture
def photo(tmp_path) -> Path:
    """Display P3, lying on its side as a phone stores it; the upper half is black."""
    data, raw = profiles.PROFILES["Display P3"]
    upright = np.full((8, 12, 3), raw, np.uint8)
    upright[:4] = 0
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(np.ascontiguousarray(np.rot90(upright))).save(tmp_path / "a.png", icc_profile=data, exif=exif)
    return tmp_path / "a.png"


def as_it_looks(values) -> bool:
    values = np.asarray(values)
    return values.shape == (3, 8, 12) and not values[:, :4].any() and profiles.shows(values[:, 4:])


def test_edits_and_the_lecture(photo):
    with noticed(match="has the colour profile made by a test: its colours were converted to sRGB") as told:
        assert as_it_looks(read_image(photo, SPEC))
    assert len(told) == 1  # and not that it has another size
    subject = from_file(photo, SPEC)
    assert as_it_looks(subject.image[0])
    assert "its colours converted from made by a test to sRGB" in subject.origin[0]


@pytest.mark.parametrize("as_picture", [False, True])
def test_conditions(photo, as_picture):
    condition = On(FirstFrame(), SPEC)
    with noticed(match="its colours were converted to sRGB"):
        found = condition.parse(Image.open(photo) if as_picture else photo, [0])[0]
    assert as_it_looks(torch.round((found + 1) * 127.5).numpy())


@pytest.mark.parametrize("behind", [False, True])
def test_a_png_may_say_behind_its_pixels_how_it_is_to_be_seen(photo, tmp_path, behind):
    data = photo.read_bytes()
    start = data.index(b"eXIf") - 4
    size = 12 + int.from_bytes(data[start : start + 4], "big")
    rest = data[:start] + data[start + size :]
    moved = tmp_path / "b.png"
    moved.write_bytes(rest[:-12] + data[start : start + size] + rest[-12:] if behind else data)
    header = read_header(moved)
    assert (header.height, header.width) == (8, 12)
