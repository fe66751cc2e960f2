"""One file -> one array: every format, depth and mode against the array that was written or an independent decoder."""

import io
import threading

import numpy as np
import pytest
from PIL import Image, ImageFile, ImageOps

from debruit.images.pixels import Target, Unreadable, decode, read_header

WHITE = (255, 255, 255)


@pytest.fixture
def save(tmp_path):
    def write(content, name: str, **options):
        path = tmp_path / name
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            (content if isinstance(content, Image.Image) else Image.fromarray(content)).save(path, **options)
        return path

    return write


def natural(path, background=WHITE, **changes) -> np.ndarray:
    """The image in its own size, channels and depth, as (H, W, C)."""
    header = read_header(path)
    own = {"height": header.height, "width": header.width, "channels": header.channels, "depth": header.depth}
    return decode(path, Target(**(own | changes), background=background)).transpose(1, 2, 0)


@pytest.mark.parametrize(
    ("extension", "channels"),
    [("png", 1), ("bmp", 1), ("tif", 1), ("gif", 1), ("png", 3), ("bmp", 3), ("tif", 3), ("webp", 3)],
)
def test_lossless_formats_keep_every_value(save, noise, extension, channels):
    pixels = noise(11, 7, channels)
    path = save(pixels, f"a.{extension}", **({"lossless": True} if extension == "webp" else {}))
    np.testing.assert_array_equal(natural(path).squeeze(), pixels)
    assert read_header(path).channels == channels
    assert read_header(path).depth == "uint8"


@pytest.mark.parametrize("extension", ["png", "tif"])
def test_sixteen_bit_grey_keeps_every_value(save, noise, extension):
    pixels = noise(9, 5, 1, "uint16")
    path = save(pixels, f"a.{extension}")
    assert read_header(path).depth == "uint16"
    np.testing.assert_array_equal(natural(path)[..., 0], pixels)


def test_sixteen_bit_colour_png_keeps_both_bytes(save, noise, png16):
    pixels = noise(9, 5, 3, "uint16")
    path = save(png16(pixels), "a.png")
    assert (read_header(path).channels, read_header(path).depth) == (3, "uint16")
    np.testing.assert_array_equal(natural(path), pixels)


@pytest.mark.parametrize("channels", [2, 4])
def test_sixteen_bit_transparency_is_laid_on_the_background(save, noise, png16, channels):
    pixels = noise(9, 5, channels, "uint16")
    path = save(png16(pixels), "a.png")
    assert read_header(path).alpha
    alpha = pixels[..., -1:] / 65535
    expected = alpha * pixels[..., :-1] + (1 - alpha) * 65535
    np.testing.assert_allclose(natural(path), expected, atol=1)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize(
    ("dtype", "channels"), [("uint16", 1), ("uint16", 3), ("int16", 1), ("int32", 1), ("float32", 1)]
)
def test_deep_tiff_against_tifffile(tmp_path, order, compression, dtype, channels):
    tifffile = pytest.importorskip("tifffile")
    pixels = np.random.default_rng(0).normal(300, 100, (9, 5, channels)).astype(dtype).squeeze()
    photometric = "rgb" if channels == 3 else "minisblack"
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, pixels, byteorder=order, compression=compression, photometric=photometric)
    found = natural(path).squeeze()
    assert found.dtype == ("uint16" if dtype == "uint16" else "float32")
    np.testing.assert_array_equal(found, pixels)


def test_sixteen_bit_tiff_by_planes_is_refused_and_not_misread(tmp_path, noise):
    tifffile = pytest.importorskip("tifffile")
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, noise(9, 5, 3, "uint16").transpose(2, 0, 1), photometric="rgb", planarconfig="separate")
    with pytest.raises(Unreadable, match="plane by plane"):
        natural(path, channels=3, depth="uint16")


def test_jpeg_is_close_and_decoded_small_where_it_may(save):
    y, x = np.mgrid[0:1200, 0:1600]
    pixels = np.stack([x / 8, y / 5, 255 - x / 8], axis=2).astype(np.uint8)
    path = save(pixels, "a.jpg", quality=95)
    found = natural(path, height=60, width=80).astype(int)
    expected = np.asarray(Image.fromarray(pixels).resize((80, 60), Image.Resampling.BOX)).astype(int)
    assert np.abs(found - expected).mean() < 1.5


@pytest.mark.parametrize("extension", ["jpg", "tif"])
def test_cmyk_becomes_rgb(save, extension):
    cmyk = Image.new("CMYK", (8, 8), (0, 255, 255, 0))
    found = natural(save(cmyk, f"a.{extension}"))
    assert found.shape == (8, 8, 3)
    np.testing.assert_allclose(found[0, 0], (255, 0, 0), atol=3)


def test_two_level_images_are_grey(save):
    pixels = np.eye(8, dtype=bool)
    np.testing.assert_array_equal(natural(save(pixels, "a.png"))[..., 0], pixels * 255)


def test_palettes_are_grey_or_colour_by_their_entries(save, noise):
    grey = Image.fromarray(noise(6, 6, 1)).convert("P")
    assert read_header(save(grey, "grey.png")).channels == 1
    np.testing.assert_array_equal(natural(save(grey, "grey.png"))[..., 0], noise(6, 6, 1))
    colour = Image.fromarray(noise(6, 6, 3)).quantize(16)
    for name in ("colour.png", "colour.gif", "colour.bmp"):
        path = save(colour, name)
        assert read_header(path).channels == 3, name
        np.testing.assert_array_equal(natural(path), np.asarray(colour.convert("RGB")))


@pytest.mark.parametrize("background", [WHITE, (0, 0, 0), (10, 200, 30)])
def test_transparency_is_laid_on_the_background(save, noise, background):
    pixels = noise(8, 8, 4)
    path = save(pixels, "a.png")
    alpha = pixels[..., 3:] / 255
    expected = alpha * pixels[..., :3] + (1 - alpha) * np.array(background)
    np.testing.assert_allclose(natural(path, background), expected, atol=1)
    assert read_header(path).alpha


def test_transparent_palette_entries_and_grey_with_alpha(save, noise):
    palette = Image.fromarray(noise(6, 6, 3)).quantize(4)
    path = save(palette, "a.png", transparency=0)
    hidden = np.asarray(palette) == 0
    assert (natural(path, (1, 2, 3))[hidden] == (1, 2, 3)).all()
    grey = Image.merge("LA", [Image.new("L", (4, 4), 100), Image.new("L", (4, 4), 0)])
    assert (natural(save(grey, "la.png")) == 255).all()
    assert read_header(save(grey, "la.png")).channels == 1


def test_fully_transparent_pixels_do_not_bleed_when_made_smaller(save):
    pixels = np.zeros((64, 64, 4), np.uint8)
    pixels[:, :31] = (255, 0, 0, 255)
    pixels[:, 31:] = (0, 255, 0, 0)  # green that nobody sees
    found = natural(save(pixels, "a.png"), height=16, width=16)
    assert found[..., 1].min() >= 0
    assert (found[:, :7, 1] < 8).all()
    assert (found[:, 9:] > 247).all()


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(
    ("extension", "dtype"),
    [("png", "uint8"), ("png", "uint16"), ("tif", "uint8"), ("tif", "uint16"), ("webp", "uint8")],
)
def test_exif_orientation_as_pillow_turns_it(save, noise, orientation, extension, dtype):
    pixels = noise(6, 10, 1 if dtype == "uint16" else 3, dtype)
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = save(pixels, f"a.{extension}", exif=exif, **({"lossless": True} if extension == "webp" else {}))
    expected = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(path.read_bytes()))))
    found = natural(path, height=expected.shape[0], width=expected.shape[1]).squeeze()
    np.testing.assert_array_equal(found, expected)
    if extension != "png":
        assert (read_header(path).height, read_header(path).width) == expected.shape[:2]


def test_orientation_commutes_with_cutting(save, noise):
    exif = Image.Exif()
    exif[0x0112] = 6
    path = save(noise(40, 90), "a.webp", exif=exif, lossless=True)
    turned = save(ImageOps.exif_transpose(Image.open(io.BytesIO(path.read_bytes()))), "b.png")
    difference = natural(path, height=20, width=12).astype(int) - natural(turned, height=20, width=12)
    assert np.abs(difference).max() <= 1


def test_animations_give_their_first_frame(save, noise):
    frames = [Image.fromarray(noise(8, 8, 1, seed=n)) for n in range(3)]
    for name in ("a.gif", "a.png", "a.tif"):
        path = save(frames[0], name, save_all=True, append_images=frames[1:])
        assert read_header(path).animated, name
        np.testing.assert_array_equal(natural(path)[..., 0], noise(8, 8, 1, seed=0))
    assert not read_header(save(frames[0], "still.gif")).animated


def test_cut_is_central_and_keeps_proportions(save):
    pixels = np.zeros((10, 30, 3), np.uint8)
    pixels[:, 10:20] = 255
    assert (natural(save(pixels, "wide.png"), height=10, width=10) == 255).all()
    assert (natural(save(pixels.transpose(1, 0, 2), "tall.png"), height=10, width=10) == 255).all()


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_resizing_commutes_with_mirroring_and_keeps_constants(save, noise, dtype):
    pixels = noise(37, 53, 1, dtype)
    there = natural(save(pixels, "a.png"), height=16, width=16)[:, ::-1].astype(int)
    mirrored = natural(save(np.ascontiguousarray(pixels[:, ::-1]), "b.png"), height=16, width=16).astype(int)
    assert np.abs(there - mirrored).max() <= 1
    flat = np.full((37, 53), 201, dtype)
    assert (natural(save(flat, "c.png"), height=16, width=16) == 201).all()


def test_twelve_bit_values_do_not_overshoot(save):
    pixels = np.zeros((64, 64), np.uint16)
    pixels[:, 32:] = 4095
    assert natural(save(pixels, "a.png"), height=24, width=24).max() == 4095


def test_shallow_values_keep_their_share_of_a_deeper_range(save, noise):
    path = save(noise(4, 4, 1), "a.png")
    np.testing.assert_array_equal(natural(path, depth="uint16")[..., 0], noise(4, 4, 1).astype(np.uint16) * 257)
    np.testing.assert_allclose(natural(path, depth="float32")[..., 0], noise(4, 4, 1) / 255, rtol=1e-6)
    deep = save(noise(4, 4, 1, "uint16"), "b.png")
    np.testing.assert_allclose(natural(deep, depth="float32")[..., 0], noise(4, 4, 1, "uint16") / 65535, rtol=1e-6)


def test_grey_becomes_colour_beside_colour(save, noise):
    found = natural(save(noise(4, 4, 1), "a.png"), channels=3)
    assert (found == noise(4, 4, 1)[..., None]).all()


def broken(save, noise, kind: str):
    good = io.BytesIO()
    Image.fromarray(noise(32, 32)).save(good, {"jpg": "JPEG", "tif": "TIFF"}.get(kind[-3:], "PNG"))
    content = {
        "zero.png": b"",
        "text.png": b"hello",
        "cut.png": good.getvalue()[:-400],
        "cut.jpg": good.getvalue()[:700],
        "cut.tif": good.getvalue()[:500],
        "head.png": good.getvalue()[:20],
    }[kind]
    return save(content, kind)


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("zero.png", "zero bytes"),
        ("text.png", "damaged, or not"),
        ("cut.png", "truncated"),
        ("cut.jpg", "truncated"),
        ("cut.tif", ""),
        ("head.png", ""),
    ],
)
def test_broken_files_have_a_reason(save, noise, kind, reason):
    path = broken(save, noise, kind)
    with pytest.raises(Unreadable) as caught:
        natural(path, height=32, width=32, channels=3, depth="uint8")
    assert reason in str(caught.value)
    assert str(caught.value).strip()
    assert str(path) not in str(caught.value)


def test_missing_and_infinite(tmp_path, save):
    with pytest.raises(Unreadable, match="no such file"):
        read_header(tmp_path / "absent.png")
    values = np.zeros((4, 4), np.float32)
    values[1, 1] = np.inf
    with pytest.raises(Unreadable, match="NaN or infinite"):
        natural(save(values, "a.tif"))


@pytest.mark.filterwarnings("error")
def test_twenty_thousand_pixels(save, png_header):
    wide = save(Image.new("L", (20_000, 40), 7), "wide.png")
    assert (natural(wide, height=8, width=8) == 7).all()
    with pytest.raises(Unreadable, match=r"20,000 x 20,000 pixels, more than the 100 million"):
        natural(save(png_header(20_000, 20_000), "bomb.png"), height=8, width=8)


def test_threads_decode_good_truncated_and_huge_files_at_once_and_pillow_is_left_as_it_was(save, noise, png_header):
    """Each thread gets what it should, whatever the others read, and no setting of the process is touched meanwhile."""
    before = Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES
    good, cut = save(Image.fromarray(noise(64, 64)), "good.png"), broken(save, noise, "cut.png")
    huge = save(png_header(20_000, 20_000), "huge.png")
    expected = natural(good)
    wrong, seen = [], set()

    def work(n: int) -> None:
        for _ in range(20):
            seen.add((Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES))
            if n % 3 == 0 and not np.array_equal(natural(good), expected):
                wrong.append("good")
            if n % 3 == 1 and not refused(cut, "truncated"):
                wrong.append("cut")
            if n % 3 == 2 and not refused(huge, "100 million"):
                wrong.append("huge")

    threads = [threading.Thread(target=work, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert seen == {before}


def refused(path, reason: str) -> bool:
    try:
        natural(path, height=32, width=32, channels=3, depth="uint8")
    except Unreadable as error:
        return reason in str(error)
    return False
