"""Samples beside their conditions: every sample once and whole, nearly square, the mask in its palette, a legend of the
classes that it holds."""

import io
import json

import numpy as np
import pytest
import torch
from PIL import Image

from debruit.conditioning.batch import ConditionBatch
from debruit.conditioning.mask import Mask
from debruit.errors import InputError
from debruit.images import figures, grids
from debruit.images.canvas import MOST_CLASSES
from debruit.images.contact_sheet import LEAST_SIDE, Group, sheet
from debruit.images.row_sheet import row_sheet
from debruit.images.spec import DataSpec
from debruit.models.condition_images import condition_sheet
from debruit.models.config import ModelConfig
from debruit.reports import figure

SIZE = 16
PALETTE = ((0, 0, 0), (250, 0, 0), (0, 0, 250))


def samples(numbers) -> np.ndarray:
    """Each sample one grey, by its number."""
    return np.stack([np.full((SIZE, SIZE, 3), 40 + n, np.uint8) for n in numbers])


def groups(counts, *, caption="a red house with a blue door", condition=True):
    start = 0
    for k, count in enumerate(counts):
        numbers = tuple(range(start, start + count))
        start += count
        mask = np.full((SIZE, SIZE, 3), PALETTE[1 + k % 2], np.uint8)
        yield Group(samples=samples(numbers), numbers=numbers, caption=caption, condition=mask if condition else None)


@pytest.mark.parametrize("counts", [(1, 1), (4,), (9,), (16, 16, 16), (3, 3, 2), (1,) * 16, (64,), (2,) * 30])
@pytest.mark.parametrize("condition", [True, False])
def test_every_sample_is_there_once_and_the_sheet_is_nearly_square(counts, condition):
    found = sheet([*groups(counts, condition=condition)], legend=[("house", PALETTE[1])])
    pixels = np.asarray(found.image)
    assert sorted(found.boxes) == [*range(sum(counts))]
    for number, (left, top, right, bottom) in found.boxes.items():
        assert right - left == bottom - top >= LEAST_SIDE
        assert (pixels[top:bottom, left:right] == 40 + number).all(), "whole, and nothing lies over it"
    if sum(counts) > 3:
        assert 0.5 < found.image.width / found.image.height < 2


def test_the_condition_stands_left_of_its_samples():
    found = sheet([*groups((3, 3))])
    pixels = np.asarray(found.image)
    for k, number in enumerate((0, 3)):
        left, top, _, bottom = found.boxes[number]
        assert (pixels[(top + bottom) // 2, left - 40] == PALETTE[1 + k]).all()


def test_long_captions_and_many_classes_fit():
    legend = [(f"a class with the rather long name {n}", (n, 2 * n, 200)) for n in range(50)]
    found = sheet([*groups((1, 1, 1, 1), caption="word " * 60 + "unbreakable" * 20)], legend=legend)
    assert found.image.width < 1200
    plain = sheet([*groups((1, 1, 1, 1), caption="")])
    assert plain.image.height < found.image.height


def config(*conditioners) -> ModelConfig:
    spec = DataSpec(
        name="x",
        channels=3,
        height=SIZE,
        width=SIZE,
        depth="uint8",
        low=0,
        high=255,
        count=9,
        mask_names=("ground", "house", "door"),
        palette=PALETTE,
    )
    return ModelConfig(data=spec, conditioners=conditioners)


MASK = Mask()


def test_masks_are_shown_in_their_palette_with_the_classes_that_they_hold():
    masks = [np.full((SIZE, SIZE), k, np.uint8) for k in (1, 2)]
    model = config(MASK)
    asked = ConditionBatch.requested(model, range(5), {"mask": masks})
    found = condition_sheet(torch.zeros((5, 3, SIZE, SIZE), dtype=torch.uint8), model, asked)
    assert found is not None
    colours = {tuple(c) for _, c in found.image.getcolors(2**24)}
    assert {PALETTE[1], PALETTE[2]} <= colours
    assert sorted(found.boxes) == [0, 1, 2, 3, 4]


def test_without_masks_images_or_captions_there_is_no_sheet():
    model = config(MASK)
    asked = ConditionBatch.requested(model, range(2), {"mask": None})
    images = torch.zeros((2, 3, SIZE, SIZE), dtype=torch.uint8)
    assert condition_sheet(images, model, asked) is None
    found = condition_sheet(images, model, asked, captions=["a cat", "a dog"])
    assert found is not None
    assert isinstance(found.image, Image.Image)


def test_prompts_in_turn_make_a_group_each():
    images = torch.zeros((7, 3, SIZE, SIZE), dtype=torch.uint8)
    model = config()
    found = condition_sheet(images, model, ConditionBatch.requested(model, range(7), {}), captions=["a", "b", "c"])
    assert found is not None
    tops = [found.boxes[n][1] for n in (0, 3, 6)]
    assert len({found.boxes[n][:2] for n in range(7)}) == 7
    assert tops[0] <= tops[1] <= tops[2]


def test_each_sample_of_a_sheet_is_read_back_by_its_number(tmp_path):
    draw = np.random.default_rng(0)
    samples = draw.integers(0, 256, (5, 12, 20, 3), dtype=np.uint8)
    masks = draw.integers(0, 256, (2, 12, 20, 3), dtype=np.uint8)
    groups = [
        Group(samples=samples[[0, 2, 4]], numbers=(0, 2, 4), caption="a cat", condition=masks[0]),
        Group(samples=samples[[1, 3]], numbers=(1, 3), caption="a dog", condition=masks[1]),
    ]
    path = tmp_path / "sheet.png"
    figures.save(sheet(groups).image, path)
    for n, sample in enumerate(samples):
        with Image.open(io.BytesIO(grids.image_file(f"{path}#{n}").data)) as cell:
            np.testing.assert_array_equal(np.asarray(cell), sample)
    with pytest.raises(
        InputError, match=r"sheet.png is a grid of 5 images: say which, .*sheet.png#0 to .*sheet.png#4, in the order of"
    ):
        grids.image_file(path)


@pytest.mark.parametrize(
    "made",
    [row_sheet, lambda rows: row_sheet(rows, scale=3), lambda rows: figure.sheet(rows, [], [], [])],
)
def test_rows_under_their_names_are_read_back_row_by_row(tmp_path, made):
    samples = np.random.default_rng(0).integers(0, 256, (5, 12, 20, 3), dtype=np.uint8)
    path = tmp_path / "rows.png"
    figures.save(made([("a cat", samples[:2]), ("a dog", samples[2:4])]), path)
    for n, sample in enumerate(samples[:4]):
        with Image.open(io.BytesIO(grids.image_file(f"{path}#{n}").data)) as cell:
            np.testing.assert_array_equal(np.asarray(cell), sample)
    with pytest.raises(
        InputError, match=r"rows.png is a grid of 4 images: say which, .*#0 to .*rows.png#3, row by row"
    ):
        grids.image_file(path)


def test_a_sheet_of_rows_names_the_classes_of_its_masks_and_keeps_its_columns_apart():
    rows = [("a cat", samples(range(4))), ("a dog", samples(range(4, 8)))]
    legend = [(f"class {n}", (200, n, 100)) for n in range(40)]
    made = row_sheet(rows, heads=["a head that is wider than its column"] * 4, legend=legend, scale=4)
    pixels = np.asarray(made)
    held = {tuple(colour) for _, colour in made.getcolors(2**24)}
    assert {colour for _, colour in legend[:MOST_CLASSES]} <= held
    assert not {colour for _, colour in legend[MOST_CLASSES:]} & held
    for box in json.loads(made.info[grids.KEY])["boxes"]:
        assert (pixels[: box[1], box[2] : box[2] + 6] == 255).all(), "no head reaches the next column"
