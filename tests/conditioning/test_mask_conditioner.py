"""A semantic mask as a condition: what its module computes, and every way in which a user can give one."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hearing import noticed, notices
from PIL import Image

from debruit import config
from debruit.conditioning.base import DataContext
from debruit.conditioning.from_data import conditioners
from debruit.conditioning.mask import Mask
from debruit.data.dataset import Dataset
from debruit.errors import InputError
from on import On, on_masks, spec

NAMES, PALETTE = ("sky", "sea", "sand"), ((128, 200, 255), (0, 60, 160), (250, 220, 130))
MASK = on_masks(Mask(), NAMES, PALETTE, 12, 16)
NUMBERS = np.repeat(np.repeat(np.array([[0, 1, 2, 0], [2, 2, 1, 0], [1, 0, 2, 1]], np.uint8), 4, 0), 4, 1)
COLORS = np.array(PALETTE, np.uint8)[NUMBERS]
KEPT = torch.ones(1, dtype=torch.bool)


def palette_image(mask: np.ndarray, palette) -> Image.Image:
    """Class numbers (H, W) as an image with a palette (mode P)."""
    image = Image.fromarray(np.asarray(mask, np.uint8), mode="P")
    image.putpalette([value for color in palette for value in color])
    return image


def parsed(value, mask: On = MASK) -> np.ndarray:
    """The one mask that was given, without a notice."""
    with notices() as told:
        result = mask.parse(value, [0])[0].numpy()
    assert not told
    return result


def reference(numbers: torch.Tensor, classes: int, factor: int) -> torch.Tensor:
    """One-hot, and log2(factor) bilinear halvings, as the model of landscapes has them."""
    x = F.one_hot(numbers.long(), classes).movedim(-1, 1).double()
    while factor > 1:
        x, factor = F.interpolate(x, scale_factor=0.5, mode="bilinear"), factor // 2
    return x


class TestModule:
    def test_the_reference_has_546_parameters(self):
        names = tuple(str(n) for n in range(182))
        landscapes = on_masks(Mask(drop=0), names, [(n, 0, 0) for n in range(182)], 256, 256, factor=4)
        module = landscapes.build()
        assert [tuple(p.shape) for p in module.parameters()] == [(3, 182, 1, 1)]
        assert sum(p.numel() for p in module.parameters()) == 546
        assert module(landscapes.placeholder(1), KEPT).shape == (1, 3, 64, 64)

    @pytest.mark.parametrize("factor", [1, 2, 4, 8])
    def test_is_the_reference_s_halvings_and_convolution(self, factor):
        mask = MASK.change(spec={"height": 16, "width": 24}, channels=5, drop=0.0, factor=factor)
        numbers = torch.randint(0, 3, (2, 16, 24), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
        module = mask.build().double()
        keep = torch.ones(2, dtype=torch.bool)
        expected = F.conv2d(reference(numbers, 3, factor), module.conv.weight)
        torch.testing.assert_close(module(numbers, keep), expected)

    def test_what_the_codec_pads_is_padded_here_by_the_last_pixel(self):
        mask = MASK.change(spec={"height": 10, "width": 7}, drop=0.0, factor=4)
        numbers = torch.from_numpy(NUMBERS[:10, :7].copy())[None]
        padded = torch.from_numpy(np.pad(NUMBERS[:10, :7], ((0, 2), (0, 1)), mode="edge"))[None]
        module = mask.build()
        assert module(numbers, KEPT).shape == (1, 3, 3, 2)
        torch.testing.assert_close(module.fractions(numbers, KEPT), reference(padded, 3, 4).float())

    def test_none_is_a_class_of_its_own_that_covers_all(self):
        module = MASK.change(factor=4).build()
        assert module.conv.in_channels == 4
        shares = module.fractions(torch.from_numpy(NUMBERS)[None].repeat(2, 1, 1), torch.tensor([True, False]))
        assert (shares[0, 3] == 0).all()
        assert (shares[1, 3] == 1).all()
        assert (shares.sum(1) == 1).all()

    def test_any_factor(self):
        shares = MASK.change(factor=3).build().fractions(torch.from_numpy(NUMBERS)[None], KEPT)
        assert shares.shape == (1, 4, 4, 6)
        torch.testing.assert_close(shares.sum(1), torch.ones(1, 4, 6))
        assert shares[0, :, 0, 1].tolist() == pytest.approx([1 / 3, 2 / 3, 0, 0])  # columns 3, 4, 5: sky, sea, sea


def test_survives_a_model_file():
    assert config.decode(config.encode(Mask(channels=5)), Mask) == Mask(channels=5)


def test_from_data_with_masks():
    data = Dataset(MASK.spec, np.zeros((1, 3, 12, 16), np.uint8), paths=["a"], masks=np.zeros((1, 12, 16), np.uint8))
    assert conditioners(["mask"], DataContext(dataset=data)) == (Mask(channels=3),)
    plain = Dataset(spec(name="beach"), np.zeros((1, 3, 16, 16), np.uint8), paths=["a"])
    with pytest.raises(
        InputError, match="beach cannot be conditioned on that, it has no masks: put the images into images/"
    ):
        conditioners(["mask"], DataContext(dataset=plain))


def grey(tmp_path):
    return Image.fromarray(NUMBERS)


def with_our_palette(tmp_path):
    return palette_image(NUMBERS, PALETTE)


def with_the_palette_in_another_order(tmp_path):
    return palette_image(2 - NUMBERS, PALETTE[::-1])


def with_a_foreign_palette(tmp_path):
    return palette_image(NUMBERS, [(0, 0, 0), (128, 0, 0), (0, 128, 0)])


def with_nearly_our_palette_and_foreign_numbers(tmp_path):
    return palette_image(NUMBERS + 5, [(9, 9, 9)] * 5 + list(PALETTE))


def coloured(tmp_path):
    return Image.fromarray(COLORS)


def coloured_with_alpha(tmp_path):
    return Image.fromarray(COLORS).convert("RGBA")


def numbers_in_three_channels(tmp_path):
    return Image.fromarray(np.repeat(NUMBERS[..., None], 3, axis=2))


def sixteen_bits(tmp_path):
    return Image.fromarray(NUMBERS.astype(np.uint16))


def a_file(tmp_path):
    grey(tmp_path).save(tmp_path / "a, b.png")
    return str(tmp_path / "a, b.png")


def a_path_of_a_coloured_file(tmp_path):
    coloured(tmp_path).save(tmp_path / "a.png")
    return tmp_path / "a.png"


def an_array(tmp_path):
    return NUMBERS.astype(np.int64)


def a_tensor_of_floats(tmp_path):
    return torch.from_numpy(NUMBERS)[None].float()


@pytest.mark.parametrize(
    "make",
    [
        grey,
        with_our_palette,
        with_the_palette_in_another_order,
        with_a_foreign_palette,
        with_nearly_our_palette_and_foreign_numbers,
        coloured,
        coloured_with_alpha,
        numbers_in_three_channels,
        sixteen_bits,
        a_file,
        a_path_of_a_coloured_file,
        an_array,
        a_tensor_of_floats,
    ],
)
def test_given_as(make, tmp_path):
    assert (parsed(make(tmp_path)) == NUMBERS).all()


def test_black_and_white_is_read_by_colour_where_these_are_the_classes_colours():
    picture = Image.fromarray(NUMBERS == 1)
    assert picture.mode == "1"
    white_first = MASK.change(spec={"mask_names": ("paper", "ink"), "palette": ((255, 255, 255), (0, 0, 0))})
    assert (parsed(picture, white_first) == (NUMBERS != 1)).all()
    assert (parsed(picture.convert("L"), white_first) == (NUMBERS != 1)).all()
    assert (parsed(picture) == (NUMBERS == 1)).all()


def test_numbers_are_not_taken_for_nearly_black():
    dark = MASK.change(spec={"palette": ((0, 0, 0), (128, 0, 0), (0, 128, 0))})
    for picture in (numbers_in_three_channels(None), grey(None), palette_image(NUMBERS, [(n, n, n) for n in range(3)])):
        assert (parsed(picture, dark) == NUMBERS).all()


def test_255_is_unlabelled_as_in_the_masks_of_the_data():
    mask = MASK.change(spec={"mask_names": ("sky", "sea", "unlabelled")})
    assert (parsed(Image.fromarray(np.where(NUMBERS == 2, 255, NUMBERS).astype(np.uint8)), mask) == NUMBERS).all()
    assert (parsed(np.where(NUMBERS == 2, 255, NUMBERS), mask) == NUMBERS).all()


def test_several_in_turn(tmp_path):
    for n in range(2):
        Image.fromarray(np.full((12, 16), n, np.uint8)).save(tmp_path / f"{n}.png")
    files = [tmp_path / "0.png", tmp_path / "1.png"]
    joined = ",".join(map(str, files))
    for value in (files, joined, [joined], np.stack([np.full((12, 16), n) for n in range(2)])):
        assert MASK.parse(value, range(1, 6))[:, 0, 0].tolist() == [1, 0, 1, 0, 1]
    found = MASK.parse([files[1], np.zeros((12, 16), int)], [0])
    assert found.shape == (1, 12, 16)
    assert found.dtype == torch.uint8


def test_another_size_is_resized_by_nearest_and_reported(tmp_path):
    big = Image.fromarray(COLORS).resize((48, 36), Image.Resampling.NEAREST)
    big.save(tmp_path / "big.png")
    with noticed(match=r"big.png is 48 x 36 pixels and the images 16 x 12: it was resized by nearest neighbour"):
        assert (MASK.parse(tmp_path / "big.png", [0])[0].numpy() == NUMBERS).all()
    numbers = np.random.default_rng(0).integers(0, 3, (9, 12), np.uint8)
    with noticed(match="the mask is 12 x 9 pixels and the images 16 x 12: it was resized by nearest neighbour"):
        found = MASK.parse(numbers, [0])[0].numpy()
    assert (found == np.asarray(Image.fromarray(numbers).resize((16, 12), Image.Resampling.NEAREST))).all()


def test_of_other_proportions_the_central_part_is_taken():
    wide = np.full((12, 40), 2, np.uint8)
    wide[:, 12:28] = NUMBERS
    for value in (wide, Image.fromarray(wide)):
        with noticed(match="is 40 x 12 pixels and the images 16 x 12: its central part was resized"):
            assert (MASK.parse(value, [0])[0].numpy() == NUMBERS).all()


def test_colours_that_are_nearly_right_are_taken_and_counted():
    noise = np.random.default_rng(0).integers(-12, 13, COLORS.shape)
    with noticed(match=r"the mask: 19\d of 192 pixels have no colour of the palette exactly and count as"):
        found = MASK.parse(Image.fromarray((COLORS + noise).clip(0, 255).astype(np.uint8)), [0])[0].numpy()
    assert (found == NUMBERS).all()


@pytest.mark.parametrize("form", ["png", "jpeg"])
def test_smoothed_edges_become_one_of_the_two_sides(form, tmp_path):
    mask = MASK.change(spec={"height": 64, "width": 64})
    rows, columns = np.mgrid[:64, :64]
    disc = np.hypot(rows - 32, columns - 30) < 20
    big = np.hypot(*(np.mgrid[:256, :256] / 4 - np.array([32, 30])[:, None, None] - 1 / 8)) < 20
    smooth = Image.fromarray(np.array(PALETTE, np.uint8)[big.astype(int)]).resize((64, 64), Image.Resampling.BOX)
    smooth.save(tmp_path / f"disc.{form}", quality=75)
    with noticed(match="count as the nearest one"):
        found = mask.parse(tmp_path / f"disc.{form}", [0])[0].numpy()
    assert set(np.unique(found)) == {0, 1}
    assert (found != disc).mean() < 0.02


def test_transparent_is_the_first_class():
    alpha = np.where(NUMBERS == 2, 0, 255).astype(np.uint8)[..., None]
    with noticed(match=f"{(NUMBERS == 2).sum()} transparent pixels count as sky, the first class"):
        found = MASK.parse(Image.fromarray(np.concatenate([COLORS, alpha], axis=2)), [0])[0].numpy()
    assert (found == np.where(NUMBERS == 2, 0, NUMBERS)).all()


ALLOWED = "allowed: 0 sky #80c8ff, 1 sea #003ca0, 2 sand #fadc82; paint in these colours"


def spoilt(numbers: np.ndarray, *values: int) -> np.ndarray:
    """`numbers` with value k at the first k + 1 pixels of row k."""
    found = numbers.copy()
    for k, value in enumerate(values):
        found[k, : k + 1] = value
    return found


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        (spoilt(NUMBERS, 7, 255), rf"the mask has values .*: 255 \(2 pixels\), 7 \(1 pixel\); {ALLOWED}"),
        (spoilt(NUMBERS, *range(10, 17)), r"16 \(7 pixels\), .*, 12 \(3 pixels\) and 2 more; allowed"),
        (NUMBERS.astype(int) - 1, r"values that are no class of the model: -1 \(\d+ pixels\); allowed"),
        (NUMBERS + 0.5, r"0.5 \(\d+ pixels\), .* no class|no class of the model: .*0.5"),
        (Image.fromarray(spoilt(NUMBERS, 7, 255)), r"the mask has values .*: 255 \(2 pixels\), 7 \(1 pixel\)"),
        (palette_image(spoilt(NUMBERS, 9), [(0, 0, 0)] * 10), r"the mask has values .*: 9 \(1 pixel\)"),
        (
            Image.fromarray(np.where((NUMBERS == 1)[..., None], np.uint8([255, 0, 255]), COLORS)),
            rf"the mask has colours .*: #ff00ff \({(NUMBERS == 1).sum()} pixels\); {ALLOWED}",
        ),
        (Image.new("RGB", (0, 12)), "the mask is 0 x 12 pixels, which is empty"),
        (np.zeros((12, 0), int), "the mask is 0 x 12 pixels, which is empty"),
        (np.zeros((0, 12, 16), int), "no mask was given: name at least one file"),
        ([], "no mask was given: name at least one file"),
        (
            np.zeros(12, int),
            r"a mask cannot be of type ndarray of shape \(12,\): give a file, a Pillow image, or class numbers",
        ),
        (3, "a mask cannot be of type int: give a file, a Pillow image, or class numbers"),
        ("no-such.png", "the mask no-such.png cannot be read: no such file, .*; give the path of a PNG"),
    ],
)
def test_masks_that_cannot_be_used(value, sentence):
    with pytest.raises(InputError, match=sentence):
        MASK.parse(value, [0])


def test_an_unknown_dot_beside_an_edge_is_not_taken_for_a_blend():
    dotted = COLORS.copy()
    dotted[1, 3] = 255, 0, 255
    with pytest.raises(InputError, match=r"#ff00ff \(1 pixel\)"):
        MASK.parse(Image.fromarray(dotted), [0])


def test_a_photograph_is_no_mask():
    noise = np.random.default_rng(0).integers(0, 256, (40, 40, 3), np.uint8)
    with pytest.raises(InputError, match=r"the mask has colours that are no class .* and 1,\d+ more; allowed"):
        MASK.parse(Image.fromarray(noise), [0])


def test_files_that_cannot_be_read(tmp_path):
    (tmp_path / "torn.png").write_bytes(b"\x89PNG\r\n\x1a\n torn")
    (tmp_path / "empty.png").touch()
    for name, reason in (("torn.png", "damaged, or not"), ("empty.png", "zero bytes"), (".", "director")):
        with pytest.raises(InputError, match=f"the mask .* cannot be read: .*{reason}.*; give the path of a PNG"):
            MASK.parse(tmp_path / name, [0])


def test_many_classes_are_not_all_listed():
    many = on_masks(Mask(), [f"c{n}" for n in range(40)], [(n, 0, 0) for n in range(40)], 12, 16)
    with pytest.raises(InputError, match="allowed: 0 c0 #000000, .*, 23 c23 #170000 and 16 more; paint"):
        many.parse(np.full((12, 16), 40), [0])


def test_data_with_more_classes_than_the_model():
    with pytest.raises(InputError, match="the masks hold the class 3, and the model has names for 0 to 2: use data"):
        MASK.read({"mask": torch.full((1, 12, 16), 3, dtype=torch.uint8)})


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"mask_names": (), "palette": ()}, "x has masks of 0 classes: give 1 to 256 classes a name and a colour"),
        (
            {"mask_numbers": (0, 255)},
            "the numbers 0, 255 of 3 classes of masks: give each class its own, or none at all",
        ),
        ({"mask_numbers": (0, 1, 1)}, "the numbers 0, 1, 1 of 3 classes of masks: give each class its own"),
        (
            {"palette": (PALETTE[0], PALETTE[1], PALETTE[0])},
            "the classes sky and sand of the masks have the same colour #80c8ff: give each its own",
        ),
    ],
)
def test_bad_classes(settings, sentence):
    with pytest.raises(InputError, match=sentence):
        MASK.change(spec=settings).build()
