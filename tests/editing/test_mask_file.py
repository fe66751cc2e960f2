"""Which pixels a mask file marks: transparent ones, else white ones; what is no mask is refused."""

import numpy as np
import pytest
from hearing import noticed, notices
from PIL import Image, ImageDraw, ImageFilter

from debruit.editing.reading import read_region
from debruit.errors import InputError
from debruit.images.spec import DataSpec

SPEC = DataSpec(name="x", channels=3, height=16, width=16, depth="uint8", low=0, high=255, count=1)
HOLE = np.zeros((16, 16), bool)
HOLE[4:12, 4:12] = True


@pytest.fixture
def region(tmp_path):
    """region(picture): what it marks, and what was said."""

    def make(picture, name="mask.png", spec=SPEC, **options):
        image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
        image.save(tmp_path / name, **options)
        with notices() as told:
            found = read_region(tmp_path / name, spec).numpy()
        return found, "\n".join(told)

    return make


def photograph(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (16, 16, 3), dtype=np.uint8)


def black_and_white(hole: np.ndarray = HOLE) -> np.ndarray:
    return hole.astype(np.uint8) * 255


def grey_alpha(hole=HOLE) -> Image.Image:
    return Image.merge("LA", [Image.fromarray(photograph()[..., 0]), Image.fromarray(255 - black_and_white(hole))])


def in_colour(alpha: np.ndarray) -> Image.Image:
    return Image.fromarray(np.concatenate([photograph(), alpha[..., None]], axis=2))


@pytest.mark.parametrize(
    "colours", [photograph(), np.zeros((16, 16, 3), np.uint8), np.full((16, 16, 3), 255, np.uint8)]
)
def test_a_transparent_hole_is_painted_anew(region, colours):
    alpha = 255 - black_and_white()
    found, told = region(np.concatenate([colours, alpha[..., None]], axis=2))
    np.testing.assert_array_equal(found, HOLE)
    assert "transparent pixels are repainted (64 of 256 pixels), and colours are ignored" in told


def test_transparency_of_every_kind(region):
    np.testing.assert_array_equal(region(grey_alpha())[0], HOLE)
    palette = Image.fromarray(HOLE.astype(np.uint8), mode="P")
    palette.putpalette([255, 255, 255, 0, 0, 0])
    np.testing.assert_array_equal(region(palette, transparency=1)[0], HOLE)
    np.testing.assert_array_equal(region(palette, "mask.gif", transparency=1)[0], HOLE)
    np.testing.assert_array_equal(region(in_colour(255 - black_and_white()), "mask.webp", lossless=True)[0], HOLE)
    np.testing.assert_array_equal(region(black_and_white(~HOLE), transparency=0)[0], HOLE)


def test_sixteen_bits_with_a_transparent_value(tmp_path, region):
    import struct
    import zlib

    Image.fromarray(HOLE.astype(np.uint16) * 300 + 5).save(tmp_path / "a.png")
    data = (tmp_path / "a.png").read_bytes()
    body = b"tRNS" + struct.pack(">H", 305)
    (tmp_path / "b.png").write_bytes(
        data[:33] + struct.pack(">I", 2) + body + struct.pack(">I", zlib.crc32(body)) + data[33:]
    )
    with noticed(match="transparent pixels are repainted"):
        np.testing.assert_array_equal(read_region(tmp_path / "b.png", SPEC).numpy(), HOLE)


def test_partly_transparent_counts_from_half_on(region):
    alpha = 255 - black_and_white()
    alpha[3], alpha[12] = 127, 128
    found, told = region(in_colour(alpha))
    expected = HOLE.copy()
    expected[3] = True
    np.testing.assert_array_equal(found, expected)
    assert "32 of 256 pixels are partly transparent, and those by more than half are repainted" in told


@pytest.mark.parametrize(
    "make",
    [
        lambda m: m,
        lambda m: Image.fromarray(m).convert("1"),
        lambda m: Image.fromarray(m).convert("RGB"),
        lambda m: Image.fromarray(m).convert("RGBA"),
        lambda m: Image.fromarray(m).convert("LA"),
        lambda m: Image.fromarray(m).convert("P"),
        lambda m: m.astype(np.uint16) * 257,
        lambda m: m // 255,
        lambda m: (m // 255).astype(np.uint16),
        lambda m: m.astype(np.uint16),
    ],
)
def test_black_and_white_of_every_kind(region, make):
    np.testing.assert_array_equal(region(make(black_and_white()))[0], HOLE)


def test_jpeg_and_smoothed_edges(region):
    spec = DataSpec(name="x", channels=3, height=64, width=64, depth="uint8", low=0, high=255, count=1)
    sheet = Image.new("L", (512, 512))
    ImageDraw.Draw(sheet).ellipse((100, 140, 400, 420), fill=255)
    plain = np.asarray(sheet.resize((64, 64), Image.Resampling.NEAREST)) > 0
    smooth = sheet.resize((64, 64), Image.Resampling.LANCZOS)
    for picture, name, options in (
        (smooth, "mask.png", {}),
        (smooth.convert("RGB"), "mask.jpg", {"quality": 75}),
        (smooth.filter(ImageFilter.GaussianBlur(1)), "mask.png", {}),
    ):
        found, told = region(picture, name, spec, **options)
        assert (found != plain).mean() < 0.02
        assert "has smoothed edges (" in told


def test_what_is_no_mask_is_refused(region):
    ramp = np.broadcast_to(np.arange(0, 256, 16, dtype=np.uint8), (16, 16))
    for picture, sentence in (
        (photograph(), r"mask.png is no mask, it is in colour \(\d+ of 256 pixels\): paint white what to repaint"),
        (
            photograph()[..., 0],
            r"mask.png is no mask, \d+ of 256 pixels are neither black nor white, more than smoothed",
        ),
        (np.ascontiguousarray(ramp), "is no mask"),
        (np.full((16, 16), 128, np.uint8), "is no mask, 256 of 256 pixels are neither black nor white"),
        (in_colour(np.full((16, 16), 255, np.uint8)), "is no mask, it is in colour"),
        (in_colour(np.full((16, 16), 200, np.uint8)), "is no mask, it is in colour"),
        (np.zeros((16, 16), np.uint8), "has no white, which marks what to repaint"),
        (np.full((16, 16), 255, np.uint8), "is white everywhere, so nothing is kept"),
        (in_colour(np.zeros((16, 16), np.uint8)), "is transparent everywhere, so nothing is kept"),
    ):
        with pytest.raises(InputError, match=sentence):
            region(picture)


def test_another_size(region):
    twice = HOLE.repeat(2, 0).repeat(2, 1)
    found, told = region(black_and_white(twice))
    np.testing.assert_array_equal(found, HOLE)
    assert "is 32 x 32 pixels and the model's images 16 x 16: it was resized" in told
    wide = np.zeros((16, 48), bool)
    wide[:, 16:32] = HOLE
    found, told = region(in_wide(255 - black_and_white(wide)))
    np.testing.assert_array_equal(found, HOLE)
    assert "its central part was resized" in told
    aside = np.zeros((16, 48), bool)
    aside[4:8, 2:6] = True
    with pytest.raises(InputError, match="what it marks lies outside of the central part"):
        region(black_and_white(aside))


def in_wide(alpha: np.ndarray) -> Image.Image:
    return Image.merge("LA", [Image.new("L", alpha.shape[::-1]), Image.fromarray(alpha)])


@pytest.mark.parametrize("turn", range(1, 9))
def test_a_mask_is_read_as_it_is_seen(region, turn):
    hole = HOLE.copy()
    hole[:2, :5] = True
    exif = Image.Exif()
    exif[0x0112] = turn
    back = {
        1: lambda m: m,
        2: np.fliplr,
        3: lambda m: np.rot90(m, 2),
        4: np.flipud,
        5: lambda m: m.T,
        6: np.rot90,
        7: lambda m: np.rot90(m, 2).T,
        8: lambda m: np.rot90(m, -1),
    }[turn]
    np.testing.assert_array_equal(region(np.ascontiguousarray(back(black_and_white(hole))), exif=exif)[0], hole)
    np.testing.assert_array_equal(region(grey_alpha(np.ascontiguousarray(back(hole))), exif=exif)[0], hole)
