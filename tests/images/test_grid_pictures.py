"""A single image is written as it is; a grid says that it is one, and each of its images can be read from it."""

import numpy as np
import pytest
import torch
from hearing import noticed
from PIL import Image

from debruit.conditioning.first_frame import FirstFrame
from debruit.conditioning.mask import Mask
from debruit.editing.reading import read_image, read_region
from debruit.errors import InputError
from debruit.images import figures
from debruit.images.grids import image_file
from debruit.images.pixels import Target, decode, read_header
from debruit.images.spec import DataSpec
from debruit.lecture.example import from_file
from on import On, on_masks


def spec(channels: int = 3, depth: str = "uint8", height: int = 12, width: int = 8) -> DataSpec:
    high = {"uint8": 255, "uint16": 4095, "float32": 1.0}[depth]
    return DataSpec(name="x", channels=channels, height=height, width=width, depth=depth, low=0, high=high, count=1)


def images(of: DataSpec, n: int) -> torch.Tensor:
    values = torch.rand((n, *of.shape), generator=torch.Generator().manual_seed(1)) * of.high
    return values if of.depth == "float32" else values.round().to(getattr(torch, of.depth))


@pytest.mark.parametrize(("channels", "depth"), [(1, "uint8"), (3, "uint8"), (1, "uint16"), (3, "uint16")])
def test_a_single_image_keeps_its_size_channels_and_depth(tmp_path, channels, depth):
    of = spec(channels, depth)
    image = images(of, 1)[0]
    figures.save_single(image, of, tmp_path / "a.png")
    header = read_header(tmp_path / "a.png")
    assert (header.channels, header.depth, header.height, header.width) == (channels, depth, 12, 8)
    target = Target(height=12, width=8, channels=channels, depth=depth, background=(255, 255, 255))
    np.testing.assert_array_equal(decode(tmp_path / "a.png", target), image.numpy())
    assert image_file(tmp_path / "a.png") == tmp_path / "a.png"


@pytest.mark.parametrize(("channels", "depth"), [(1, "float32"), (4, "uint8")])
def test_what_png_cannot_hold_is_reported(tmp_path, channels, depth):
    of = spec(channels, depth)
    with noticed(match=f"the model's images are {channels} x {depth}: FILE.npy keeps them exactly"):
        figures.save_single(images(of, 1)[0], of, tmp_path / "a.png")
    assert Image.open(tmp_path / "a.png").size == (8, 12)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("n", "how"), [(2, {}), (5, {}), (7, {"columns": 7}), (5, {"rows": 2}), (6, {"rows": 3})])
def test_each_image_of_a_grid_comes_back_exactly(tmp_path, channels, n, how):
    of = spec(channels)
    made, path = images(of, n), tmp_path / "grid.png"
    figures.save_grid(made, of, path, **how)
    for k in range(n):
        assert torch.equal(read_image(f"{path}#{k}", of), made[k])
    with pytest.raises(
        InputError,
        match=rf"grid.png is a grid of {n} images \(\d x \d\): say which, .*grid.png#0 to .*grid.png#{n - 1}, ",
    ):
        read_image(path, of)
    for wrong in (str(n), "two", "-1", ""):
        with pytest.raises(InputError, match=f"grid.png is a grid of {n} images, .*#0 to "):
            read_image(f"{path}#{wrong}", of)


def test_a_grid_of_deeper_images_says_what_it_loses(tmp_path):
    of = spec(1, "uint16")
    with noticed(
        match="is a grid of 8 bits a value and the model's images are uint16: FILE.npy or a folder keeps them exactly"
    ):
        figures.save_grid(images(of, 2), of, tmp_path / "grid.png")


def test_every_reader_of_images_knows_grids(tmp_path):
    of, path = spec(), tmp_path / "grid.png"
    made = images(of, 4)
    figures.save_grid(made, of, path)
    condition = On(FirstFrame(), of)
    mask = on_masks(Mask(), ("a", "b"), ((0, 0, 0), (9, 9, 9)), 12, 8)
    for read in (
        lambda file: read_region(file, of),
        lambda file: from_file(file, of),
        lambda file: condition.parse(file, [0]),
        lambda file: mask.parse(file, [0]),
    ):
        with pytest.raises(InputError, match="is a grid of 4 images"):
            read(path)
    cell = tmp_path / "grid.png#2"
    assert torch.equal(from_file(cell, of).image[0], made[2])
    assert torch.equal(((condition.parse(str(cell), [0])[0] + 1) * 127.5).round().byte(), made[2])


def test_names_that_hold_the_mark(tmp_path):
    of = spec()
    made = images(of, 3)
    for name in ("a.png#1", "b#2.png"):
        figures.save_single(made[0], of, tmp_path / "x.png")
        (tmp_path / "x.png").rename(tmp_path / name)
        assert torch.equal(read_image(tmp_path / name, of), made[0])
    figures.save_grid(made, of, tmp_path / "c#3.png")
    assert torch.equal(read_image(tmp_path / "c#3.png#1", of), made[1])
    figures.save_single(made[0], of, tmp_path / "a.png")
    with pytest.raises(
        InputError, match="b#2.png is no grid that debruit wrote, so that it has no image 0: leave #0 out"
    ):
        read_image(tmp_path / "b#2.png#0", of)
    with pytest.raises(InputError, match="no such file"):
        read_image(tmp_path / "nothing.png#0", of)


def test_a_grid_that_was_cut_since_is_a_picture(tmp_path):
    of, path = spec(), tmp_path / "grid.png"
    figures.save_grid(images(of, 4), of, path)
    with Image.open(path) as sheet:
        info = sheet.info
        small = sheet.crop((0, 0, 20, 20))
    small.info.update(info)
    figures.save(small, path)
    assert image_file(path) == path
