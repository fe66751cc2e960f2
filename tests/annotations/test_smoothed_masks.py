"""Smoothed edges of masks are no classes: black and white stay two, colours that are known stay themselves, everything
else is refused."""

import json

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter

from debruit.data.sources.folder import Folder
from debruit.errors import InputError

SIZE = 48
KNOWN = [{"name": "sky", "color": "#87ceeb"}, {"name": "sea", "color": "#000080"}, {"name": "sand", "color": "#c2b280"}]
COLOURS = [(135, 206, 235), (0, 0, 128), (194, 178, 128)]


def drawn(shades, *, scale: int = 8, mode: str = "RGB") -> Image.Image:
    sheet = Image.new(mode, (SIZE * scale,) * 2, shades[0])
    pen = ImageDraw.Draw(sheet)
    pen.ellipse([v * scale for v in (5, 6, 30, 34)], fill=shades[1])
    if len(shades) > 2:
        pen.polygon([v * scale for v in (20, 46, 46, 40, 36, 10)], fill=shades[2])
    return sheet


def smooth(shades, mode="RGB") -> Image.Image:
    return drawn(shades, mode=mode).resize((SIZE, SIZE), Image.Resampling.BOX)


def plain(shades, mode="RGB") -> np.ndarray:
    return np.asarray(drawn(shades, mode=mode).resize((SIZE, SIZE), Image.Resampling.NEAREST))


@pytest.fixture
def build(folder, noise, heard):
    """build(mask, classes): the data set of one image with this mask; what was said is in `heard`."""

    def make(*masks, classes=None, suffix="png"):
        files = {f"images/{n}.png": noise(SIZE, SIZE, seed=n) for n in range(len(masks))}
        files |= {f"masks/{n}.{suffix}": mask for n, mask in enumerate(masks)}
        if classes is not None:
            files["classes.json"] = json.dumps(classes).encode()
        return Folder(path=str(folder(files))).build()

    return make


def through_jpeg(image: Image.Image) -> Image.Image:
    import io

    file = io.BytesIO()
    image.save(file, "JPEG", quality=75)
    return Image.open(file).copy()


MASKS = {
    "smoothed": lambda: smooth((0, 255), "L"),
    "smoothed, in RGB": lambda: smooth((0, 255), "L").convert("RGB"),
    "smoothed, with a palette": lambda: smooth((0, 255), "L").quantize(64),
    "smoothed, with alpha": lambda: smooth((0, 255), "L").convert("RGBA"),
    "smoothed, of 16 bits": lambda: Image.fromarray(np.asarray(smooth((0, 255), "L"), np.uint16) * 257),
    "blurred": lambda: smooth((0, 255), "L").filter(ImageFilter.GaussianBlur(1)),
    "once a JPEG": lambda: through_jpeg(smooth((0, 255), "L")),
    "once a JPEG, in RGB": lambda: through_jpeg(smooth((0, 255), "L").convert("RGB")),
    "with one half tone": lambda: smooth((0, 255), "L").point(lambda v: v if v in (0, 255) else 128),
}  # fmt: skip


@pytest.mark.parametrize("kind", MASKS)
@pytest.mark.parametrize(
    "classes",
    [None, ["ground", "figure"], {"0": "ground", "255": "figure"}, {"figure": "#ffffff", "ground": "#000000"}],
)
def test_black_and_white_with_smoothed_edges_are_two_classes(build, heard, kind, classes):
    dataset = build(MASKS[kind](), classes=classes)
    names = ("ground", "figure") if classes else ("class 0", "class 1")
    assert dataset.spec.mask_names == names
    assert dataset.spec.mask_numbers == (0, 255)
    assert dataset.spec.palette == ((0, 0, 0), (255, 255, 255))
    assert (dataset[0]["mask"].numpy() != (plain((0, 255), "L") > 0)).mean() < 0.02
    line = next(line for line in heard if "their edges are smoothed" in line)
    assert line.startswith(
        f"the masks are black and white: 0 is '{names[0]}' and 255 is '{names[1]}'; their edges are smoothed ("
    )
    assert " of 2,304 pixels" in line


def test_clean_masks_beside_smoothed_ones(build):
    dataset = build(MASKS["smoothed"](), plain((0, 255), "L"), plain((255, 0), "L"))
    assert len(dataset.spec.mask_names) == 2
    np.testing.assert_array_equal(dataset[1]["mask"], plain((0, 255), "L") > 0)
    np.testing.assert_array_equal(dataset[2]["mask"], plain((255, 0), "L") > 0)


@pytest.mark.parametrize("palette", [False, True])
def test_smoothed_colours_are_the_nearer_of_those_that_are_known(build, heard, palette):
    mask = smooth(COLOURS)
    dataset = build(mask.quantize(200) if palette else mask, classes=KNOWN)
    assert dataset.spec.mask_names[:3] == ("sky", "sea", "sand")
    found, numbers = dataset[0]["mask"].numpy(), {color: n for n, color in enumerate(COLOURS)}
    wanted = np.array([[numbers[tuple(color)] for color in row] for row in plain(COLOURS).tolist()])
    assert (found != wanted).mean() < 0.04
    assert any(
        line.startswith("smoothed edges of masks (") and "each is the nearer of its two classes" in line
        for line in heard
    )


@pytest.mark.parametrize(
    "mask",
    [
        lambda: smooth(COLOURS),
        lambda: smooth(COLOURS).quantize(200),
        lambda: smooth((10, 90, 200), "L"),
        lambda: smooth((0, 1, 255), "L"),
        lambda: smooth((0, 12, 255), "L"),
    ],
)
def test_other_masks_with_smoothed_edges_are_refused(build, mask):
    with pytest.raises(
        InputError,
        match=r"hold \d+ (colours|values), and \d+ of them lie on edges between others alone \([\d,]+ of 2,304 pixels, "
        r"[\d.]+%\): smoothed edges are no classes; save them without smoothing",
    ):
        build(mask())


@pytest.mark.parametrize("names", [None, {"0": "sky", "1": "sea", "2": "sand"}])
def test_smoothed_numbers_are_refused_whatever_they_are_called(build, names):
    with pytest.raises(InputError, match="lie on edges between others alone"):
        build(smooth((0, 100, 200), "L"), classes=names)


def test_clean_numbers_and_colours_stay_as_they_are(build, folder):
    values = plain((0, 7, 15), "L").copy()
    edges = np.asarray(Image.fromarray(values).filter(ImageFilter.FIND_EDGES)) > 0
    values[edges] = 255  # the border that Pascal VOC leaves unlabelled
    dataset = build(values)
    assert (len(dataset.spec.mask_names), dataset.spec.mask_names[-1]) == (17, "unlabelled")
    many = np.arange(SIZE * SIZE, dtype=np.int64).reshape(SIZE, SIZE) // 16 % 144
    assert len(build(many.astype(np.uint8)).spec.mask_names) == 144


def test_thin_numbers_are_classes(build):
    mask = np.zeros((SIZE, SIZE), np.uint8)
    mask[:, SIZE // 2 :] = 40
    for n, row in enumerate(range(4, 40, 6)):
        mask[row, 3:45] = (90, 150, 20, 70, 110, 200)[n]
    dataset = build(mask)
    assert len(dataset.spec.mask_names) == 201
    np.testing.assert_array_equal(dataset[0]["mask"], mask)


def test_sixteen_bits(build):
    numbers = plain((0, 3, 9), "L").astype(np.uint16)
    assert len(build(numbers).spec.mask_names) == 10
    dataset = build(plain((0, 255), "L").astype(np.uint16) * 257)
    assert dataset.spec.mask_names == ("class 0", "class 1")
    np.testing.assert_array_equal(dataset[0]["mask"], plain((0, 255), "L") > 0)


def test_what_is_left_aside_is_counted(build, heard):
    mask = Image.fromarray(plain((0, 3), "L")).convert("RGBA")
    mask.putalpha(Image.fromarray(plain((255, 0), "L")))
    build(mask, plain((0, 255), "L"), plain((0, 1), "L"))
    assert "transparency in 1 mask is ignored: transparent pixels have the class of their colour" in heard
    assert "1 masks hold 0 and 255 alone and 1 hold 0 and 1 alone: where 255 is meant to be 1, save them alike" in heard
