"""An image as a condition: small ones to enlarge, outlines to fill."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hearing import noticed, notices
from PIL import Image as Pillow

from debruit import config
from debruit.conditioning.edges import Canny, edge_map, is_line_drawing, line_map
from debruit.conditioning.first_frame import FirstFrame
from debruit.conditioning.low_res import LowRes
from debruit.errors import InputError
from on import On, spec

SPEC = spec(height=12)
SMALL = On(LowRes(), SPEC)  # 3 x 4
EDGES = On(Canny(drop=0.0), SPEC)
FIRST = On(FirstFrame(drop=0.0), SPEC)
KEPT = torch.ones(1, dtype=torch.bool)


def noise(*shape: int, high: int = 256, seed: int = 0) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).integers(0, high, shape, np.uint8))


def parsed(condition: On, value) -> torch.Tensor:
    """The one condition of what was given, without a notice."""
    with notices() as told:
        result = condition.parse(value, [0])[0]
    assert not told
    return result


def picture(pixels: torch.Tensor) -> Pillow.Image:
    """(3, H, W) uint8."""
    return Pillow.fromarray(pixels.permute(1, 2, 0).contiguous().numpy())


class TestLow:
    def test_is_the_mean_over_blocks_rounded_as_a_file_would_be(self):
        images = noise(2, 3, 12, 16)
        means = images.view(2, 3, 3, 4, 4, 4).float().mean(dim=(3, 5)).round()
        torch.testing.assert_close(SMALL.read({"image": images}), means / 127.5 - 1)
        assert LowRes().size(SPEC) == (3, 4)

    def test_sides_that_the_scale_does_not_divide(self):
        condition = SMALL.change(spec={"height": 10, "width": 7})
        images = noise(1, 3, 10, 7)
        whole = F.pad(images.float(), (0, 1, 0, 2), mode="replicate").to(torch.uint8)
        assert condition.placeholder(1).shape[2:] == (3, 2)
        assert torch.equal(
            condition.read({"image": images}), condition.change(spec={"height": 12, "width": 8}).read({"image": whole})
        )

    @pytest.mark.parametrize(("depth", "low", "high"), [("uint16", 0, 4095), ("float32", -2.0, 3.0)])
    def test_any_range_of_the_data(self, depth, low, high):
        condition = SMALL.change(spec={"channels": 1, "depth": depth, "low": low, "high": high})
        images = (low + noise(1, 1, 12, 16).float() / 255 * (high - low)).to(getattr(torch, depth))
        values = condition.read({"image": images})
        assert -1 <= values.min() < -0.1
        assert 0.1 < values.max() <= 1
        small = F.avg_pool2d(images.float(), 4)
        small = small if depth == "float32" else small.round().to(torch.uint16)
        torch.testing.assert_close(parsed(condition, small), values[0])
        assert torch.equal(condition.read({"image": torch.full_like(images.float(), high)}), torch.ones(1, 1, 3, 4))

    def test_a_small_image_of_the_right_size_is_taken_as_it_is(self, tmp_path):
        small = noise(3, 3, 4)
        expected = small.float() / 127.5 - 1
        picture(small).save(tmp_path / "small.png")
        for value in (
            small,
            small.numpy(),
            small[None],
            picture(small),
            tmp_path / "small.png",
            [str(tmp_path / "small.png")],
        ):
            torch.testing.assert_close(parsed(SMALL, value), expected)

    def test_an_image_of_the_full_size_is_reduced_as_in_training_and_said(self):
        image = noise(3, 12, 16)
        with noticed(match="the image is 16 x 12 pixels and the model's condition 4 x 3: it was resized"):
            found = SMALL.parse(picture(image), [0])
        assert torch.equal(found, SMALL.read({"image": image[None]}))

    def test_other_proportions_are_cropped_around_the_middle_and_said(self):
        wide = torch.full((3, 6, 20), 255, dtype=torch.uint8)
        wide[:, :, 6:14] = noise(3, 6, 8)
        with noticed(match="is 20 x 6 pixels and the model's condition 4 x 3: it was cropped and resized"):
            found = SMALL.parse(wide, [0])[0]
        torch.testing.assert_close(found, F.avg_pool2d(wide[:, :, 6:14].float(), 2) / 127.5 - 1)
        with noticed(match="it was cropped and resized"):
            assert SMALL.parse(torch.zeros(3, 1, 1), [0]).shape == (1, 3, 3, 4)

    def test_grey_and_transparent_pictures(self):
        grey = noise(3, 4)
        torch.testing.assert_close(parsed(SMALL, Pillow.fromarray(grey.numpy()))[2], grey / 127.5 - 1)
        clear = Pillow.new("RGBA", (4, 3), (10, 20, 30, 0))
        assert torch.equal(parsed(SMALL, clear), torch.ones(3, 3, 4))
        assert parsed(SMALL.change(spec={"channels": 1}), clear).shape == (1, 3, 4)

    def test_an_eight_bit_picture_of_deeper_data_keeps_its_share_of_the_range(self):
        deep = SMALL.change(spec={"channels": 1, "depth": "uint16", "high": 4095})
        grey = noise(3, 4)
        torch.testing.assert_close(parsed(deep, Pillow.fromarray(grey.numpy()))[0], grey / 127.5 - 1)
        sixteen = grey.numpy().astype(np.uint16) * 16
        torch.testing.assert_close(
            parsed(deep, Pillow.fromarray(sixteen))[0], torch.from_numpy(sixteen / 2047.5 - 1).float()
        )

    def test_several_in_turn(self):
        many = torch.stack([torch.full((3, 3, 4), 100 * n, dtype=torch.uint8) for n in range(2)])
        assert torch.equal(SMALL.parse(many, range(5)), SMALL.parse(list(many), range(5)))
        assert (SMALL.parse(many, range(1, 4))[:, 0, 0, 0] > -1).tolist() == [True, False, True]


class TestModule:
    @pytest.mark.parametrize("factor", [1, 2, 3, 8])
    @pytest.mark.parametrize("conditioner", [*(LowRes(scale=n) for n in (1, 2, 3, 4)), Canny()])
    def test_fills_the_grid_of_the_latents(self, conditioner, factor):
        condition = On(conditioner, spec(height=21, width=30), factor)
        values = condition.read({"image": noise(1, 3, 21, 30)})
        assert values.shape[1:] == condition.placeholder(1).shape[1:]
        assert condition.build()(values, KEPT).shape == (1, condition.channels, -(-21 // factor), -(-30 // factor))

    @pytest.mark.parametrize(("scale", "factor"), [(1, 4), (2, 4), (4, 4), (1, 1)])
    def test_loses_nothing_of_a_condition_that_is_finer(self, scale, factor):
        condition = On(LowRes(scale=scale), spec(width=8), factor)
        values = condition.read({"image": noise(2, 3, 16, 8)})
        folded = condition.build()(values, torch.ones(2, dtype=torch.bool))
        assert condition.channels == 3 * (factor // scale) ** 2
        assert torch.equal(F.pixel_shuffle(folded, factor // scale), values)

    def test_enlarges_one_that_is_coarser(self):
        values = SMALL.read({"image": noise(1, 3, 12, 16)})
        found = SMALL.build()(values, KEPT)
        torch.testing.assert_close(found, F.interpolate(values, scale_factor=4, mode="bilinear"))
        ramp = torch.arange(4.0).expand(1, 3, 3, 4)  # at the middles of 4 x 4 pixels
        torch.testing.assert_close(SMALL.build()(ramp, KEPT)[0, 0, 0, 2:14], (torch.arange(2, 14) - 1.5) / 4)

    def test_never_dropped_has_nothing_to_learn(self):
        assert not list(SMALL.build().parameters())
        assert [tuple(p.shape) for p in EDGES.change(drop=0.1, factor=2).build().parameters()] == [(4,)]


class TestOutlines:
    def test_of_a_step_are_one_pixel_wide_wherever_it_points(self):
        rows, columns = torch.meshgrid(torch.arange(32.0), torch.arange(32.0), indexing="ij")
        for angle in torch.arange(0, 6.28, 0.3):
            side = (rows - 15.7) * angle.sin() + (columns - 15.7) * angle.cos()
            found = edge_map((side > 0).float()[None, None])[0, 0, 4:-4, 4:-4].bool()
            distance = side[4:-4, 4:-4].abs()
            assert distance[found].max() <= 1.5
            assert 22 <= found.sum() <= 1.5 * 24 * 2**0.5, float(angle)

    def test_of_colours_that_are_equally_bright(self):
        image = torch.zeros(1, 3, 8, 8)
        image[:, 0, :, :4], image[:, 1, :, 4:] = 0.6, 0.6
        assert edge_map(image)[0, 0].sum(1).tolist() == [1] * 8
        assert edge_map(image.mean(1, keepdim=True)).sum() == 0

    def test_of_faint_differences_there_are_none(self):
        image = torch.full((1, 1, 8, 8), 0.5)
        assert edge_map(image).sum() == 0
        image[..., 4:] += 0.1
        assert edge_map(image).sum() == 0
        image[..., 4:] += 0.1
        assert edge_map(image).sum() == 8

    def test_do_not_depend_on_the_brightness_and_turn_with_the_image(self):
        image = F.avg_pool2d(torch.rand(1, 1, 40, 40, generator=torch.Generator().manual_seed(0)), 5, 1)
        image = 3 * (image - image.mean()) + 0.5
        found = edge_map(image)
        assert found.sum() > 20
        assert torch.equal(edge_map(1 - image), found)
        assert torch.equal(edge_map(image + 0.2), found)
        assert torch.equal(edge_map(image.rot90(1, (2, 3))), found.rot90(1, (2, 3)))

    def test_read_and_photograph_given_are_the_same(self):
        image = noise(3, 12, 16)
        values = EDGES.read({"image": image[None]})
        assert set(values.unique().tolist()) == {-1.0, 1.0}
        assert torch.equal(parsed(EDGES, picture(image)), values[0])

    @pytest.mark.parametrize("invert", [False, True])
    def test_a_black_and_white_picture_is_the_lines_themselves(self, invert):
        marked = torch.zeros(12, 16, dtype=torch.bool)
        marked[3, 2:14], marked[3:10, 5] = True, True
        drawing = Pillow.fromarray(np.where(marked ^ invert, 255, 0).astype(np.uint8))
        assert torch.equal(parsed(EDGES, drawing)[0] > 0, marked)
        with noticed(match="is 64 x 48 pixels and the model's condition 16 x 12: it was resized"):
            large = EDGES.parse(drawing.resize((64, 48), Pillow.Resampling.NEAREST), [0])
        assert torch.equal(large[0, 0] > 0, marked)

    def test_thin_lines_stay_where_they_are_made_smaller(self):
        drawing = torch.ones(1, 120, 160)
        drawing[:, 50] = 0
        assert is_line_drawing(drawing)
        assert line_map(drawing, 12, 16)[0].sum(1).tolist() == [0] * 5 + [16] + [0] * 6

    def test_a_grey_picture_is_no_drawing(self):
        assert not is_line_drawing(torch.full((1, 8, 8), 0.5))
        assert not is_line_drawing(torch.eye(3)[:, :, None].expand(3, 3, 3))  # pure colours are not black and white


class TestFirst:
    def test_is_the_first_frame_itself(self):
        frames = noise(2, 3, 12, 16)
        torch.testing.assert_close(FIRST.read({"first": frames}), frames / 127.5 - 1)
        torch.testing.assert_close(parsed(FIRST, picture(frames[0])), frames[0] / 127.5 - 1)

    def test_another_size_is_brought_to_the_models_and_said(self):
        with noticed(match="24 x 12 pixels and the model's condition 16 x 12: it was cropped and resized"):
            assert FIRST.parse(picture(noise(3, 12, 24)), [0]).shape == (1, 3, 12, 16)

    def test_it_can_be_dropped(self):
        module = On(FirstFrame(), SPEC, 4).build()
        values = torch.rand(2, 3, 12, 16)
        kept, dropped = module(values, torch.tensor([True, False]))
        torch.testing.assert_close(kept, F.pixel_unshuffle(values[0], 4))
        assert dropped.eq(module.none[:, None, None]).all()


def test_a_scale_that_leaves_no_pixels():
    assert LowRes().drop == 0
    assert Canny().drop == FirstFrame().drop > 0
    assert config.decode(config.encode(LowRes(scale=2)), LowRes) == LowRes(scale=2)
    for scale in (0, 13):
        with pytest.raises(InputError, match=f"scale={scale} of a condition on images of 16 x 12 pixels: give 1 to 12"):
            LowRes(scale=scale).width(SPEC, 1)


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ("no-such.png", "the image no-such.png cannot be read: no such file, .*; give the path of a PNG or JPEG"),
        (3, "an image cannot be of type int: give a file, a Pillow image, or an array"),
        ([], "no image was given: name at least one file"),
        (
            np.zeros((4, 3, 4)),
            r"an image of shape \(4, 3, 4\): give \(3, H, W\) or .*, with the data's values of 0 to 255",
        ),
        (np.zeros((3, 4)), r"an image of shape \(3, 4\): give \(3, H, W\)"),
        (np.zeros((0, 3, 3, 4)), r"an image of shape \(0, 3, 3, 4\): give"),
        (np.full((3, 3, 4), np.nan), "the image holds values that are NaN or infinite"),
        (Pillow.new("RGB", (0, 4)), "the image is 0 x 4 pixels, which is empty: give one that is not"),
    ],
)
def test_images_that_cannot_be_used(value, sentence):
    with pytest.raises(InputError, match=sentence):
        SMALL.parse(value, [0])


def test_no_picture_has_the_channels_of_such_data(tmp_path):
    with pytest.raises(InputError, match=r"have 4 channels, which no image file has: give an array \(4, H, W\)"):
        SMALL.change(spec={"channels": 4}).parse(picture(noise(3, 3, 4)), [0])
    (tmp_path / "torn.png").write_bytes(b"torn")
    with pytest.raises(InputError, match="the image .*torn.png cannot be read: damaged, or not a PNG"):
        SMALL.parse(tmp_path / "torn.png", [0])
