"""Images with masks: pairing by name, numbers and colours, the same cut as the image, and every mask that cannot be
used."""

import json

import numpy as np
import pytest
from PIL import Image

from debruit.annotations.mask_classes import read_legend
from debruit.data.doctor.doctor import examine
from debruit.data.ingest.layout import paired
from debruit.data.sources.folder import Folder
from debruit.errors import InputError

SKY, SEA, SAND = (135, 206, 235), (0, 0, 128), (194, 178, 128)
LEGEND = [
    {"id": n, "name": name, "color": list(color)}
    for n, (name, color) in enumerate([("sky", SKY), ("sea", SEA), ("sand", SAND)])
]


def numbers(height=8, width=8, classes=3, seed=0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, classes, (height, width), dtype=np.uint8)


def coloured(mask: np.ndarray) -> np.ndarray:
    return np.array([SKY, SEA, SAND], np.uint8)[mask]


def with_palette(mask: np.ndarray, colors) -> Image.Image:
    image = Image.frombytes("P", mask.shape[::-1], mask.tobytes())
    image.putpalette([value for color in colors for value in color])
    return image


@pytest.fixture
def masked(folder, noise):
    """masked({"a": mask}, classes): a folder with images/ and masks/."""

    def make(masks: dict, classes=None, size=(8, 8), name="masked"):
        files = {f"images/{stem}.png": noise(*size, seed=n) for n, stem in enumerate(masks)}
        files |= {f"masks/{stem}.png": mask for stem, mask in masks.items()}
        if classes is not None:
            files["classes.json"] = json.dumps(classes).encode()
        return folder(files, name)

    return make


@pytest.mark.parametrize("kind", ["grey", "palette", "colour", "colour as palette", "grey in colour"])
def test_every_kind_of_mask_gives_the_same_numbers(masked, kind):
    mask = numbers()
    mask[0, :3] = 0, 1, 2
    make = {
        "grey": lambda: mask,
        "palette": lambda: with_palette(mask, [SKY, SEA, SAND]),
        "colour": lambda: coloured(mask),
        # another program may number a palette as it likes
        "colour as palette": lambda: with_palette(2 - mask, [SAND, SEA, SKY]),
        "grey in colour": lambda: np.repeat(mask[..., None], 3, axis=2),
    }[kind]
    legend = [entry["name"] for entry in LEGEND] if kind == "grey in colour" else LEGEND
    dataset = Folder(path=str(masked({"a": make()}, legend))).build()
    assert dataset.spec.mask_names == ("sky", "sea", "sand")
    if kind != "grey in colour":
        assert dataset.spec.palette == (SKY, SEA, SAND)
    assert len(set(dataset.spec.palette)) == 3
    np.testing.assert_array_equal(dataset[0]["mask"], mask)


def test_image_and_mask_are_cut_and_resized_alike(folder):
    """The image is drawn from its mask, in blocks that stay whole: so the mask of the resized image is the resized
    mask."""
    mask = np.kron(numbers(6, 10, 2), np.ones((8, 8), np.uint8))
    root = folder({"images/a.png": mask * 255, "masks/a.png": mask})
    dataset = Folder(path=str(root), size=24).build()  # the central 48 x 48 of 48 x 80, each block of 8 becoming 4
    np.testing.assert_array_equal(dataset[0]["mask"], mask[::2, 16:64:2])
    image = dataset[0]["image"][0].numpy() > 127
    inner = np.kron(np.ones((6, 6), bool), np.pad(np.ones((2, 2), bool), 1))  # away from edges, where pixels blend
    np.testing.assert_array_equal(image[inner], dataset[0]["mask"][inner])


@pytest.mark.parametrize("turn", range(1, 9))
def test_a_mask_is_cut_as_it_is_seen(folder, noise, turn, tmp_path):
    """EXIF turns an image; its mask was painted as the image is seen."""
    mask = numbers(12, 8, 200)
    stored = {
        1: mask,
        2: mask[:, ::-1],
        3: mask[::-1, ::-1],
        4: mask[::-1],
        5: mask.T,
        6: np.rot90(mask),
        7: mask[::-1, ::-1].T,
        8: np.rot90(mask, -1),
    }[turn]
    root = folder({"images/a.png": noise(12, 8), "masks/b.png": noise(2, 2), "masks/a.png": mask})
    exif = Image.Exif()
    exif[0x0112] = turn
    Image.fromarray(np.ascontiguousarray(stored)).save(root / "masks" / "a.png", exif=exif)
    np.testing.assert_array_equal(Folder(path=str(root), size=(12, 8)).build()[0]["mask"], mask)


def test_pairing_by_name():
    found = paired(["images/a.jpg", "images/b/c.png", "masks/a.png", "masks/b/c.png", "masks/d.png", "masks/a.gif"])
    assert found.images == ("images/a.jpg", "images/b/c.png")
    assert found.masks == {"images/a.jpg": "masks/a.png", "images/b/c.png": "masks/b/c.png"}
    assert [skipped.name for skipped in found.lost] == ["masks/a.gif", "masks/d.png"]
    deep = paired(["train/images/a.png", "train/masks/a.png", "val/images/a.png", "val/masks/a.png"])
    assert deep.masks == {"train/images/a.png": "train/masks/a.png", "val/images/a.png": "val/masks/a.png"}
    split = paired(["images/train/a.png", "masks/train/a.png"])
    assert split.masks == {"images/train/a.png": "masks/train/a.png"}
    classes = paired(["masks/a.png", "faces/a.png"])  # a folder of pictures of masks
    assert not classes.masked
    assert classes.images == ("masks/a.png", "faces/a.png")


def test_what_has_no_partner_is_left_out_with_its_reason(masked, noise, folder, heard):
    root = masked({"a": numbers(), "b": numbers(seed=1)}, ["x", "y", "z"])
    folder({"images/lonely.png": noise(8, 8), "masks/orphan.png": numbers()}, "masked")
    dataset = Folder(path=str(root)).build()
    assert dataset.paths == ("images/a.png", "images/b.png")
    assert "skipped images/lonely.png: it has no mask masks/lonely.png" in heard
    assert "skipped masks/orphan.png: a mask without an image of its name" in heard
    assert any("masks from masks/ next to images/: 2 of 3 images have one" in line for line in heard)


def test_classes_and_masks_together(folder, noise):
    files = {f"images/{kind}/{n}.png": noise(8, 8) for kind in ("cat", "dog") for n in range(2)}
    files |= {name.replace("images", "masks"): numbers() for name in files}
    dataset = Folder(path=str(folder(files))).build()
    assert dataset.spec.class_names == ("cat", "dog")
    assert dataset.spec.mask_names == ("class 0", "class 1", "class 2")
    assert set(dataset[0]) == {"image", "label", "mask"}


def test_values_without_a_name_are_called_by_their_number_and_listed(masked, heard):
    mask = numbers(classes=2)
    mask[0, :2] = 4, 255
    root = masked({"a": mask}, {"0": "sky", "1": "sea"})
    dataset = Folder(path=str(root)).build()
    assert dataset.spec.mask_names == ("sky", "sea", "class 2", "class 3", "class 4", "unlabelled")
    assert (dataset[0]["mask"][0, :2] == np.array([4, 5])).all()
    text = "\n".join(heard)
    assert "values of masks without a name in classes.json: 4" in text
    assert "255 in the masks is 'unlabelled', which is the last class" in text
    found = examine(Folder(path=str(root)))
    assert any(line == "values of masks without a name: class 4; name them in classes.json" for line in found.findings)
    assert sum(share for _, share in found.masks) == pytest.approx(1)
    assert dict(found.masks)["class 4"] == pytest.approx(1 / 64)
    assert any(line.startswith("masks") and "sky (" in line for line in found.lines())


def test_a_name_for_255_is_kept(masked):
    root = masked(
        {"a": np.array([[0, 255]] * 2, np.uint8).repeat(4, 0).repeat(4, 1)}, {"0": "sky", "1": "sea", "255": "edge"}
    )
    dataset = Folder(path=str(root)).build()
    assert dataset.spec.mask_names == ("sky", "sea", "edge")
    assert set(np.unique(dataset[0]["mask"])) == {0, 2}


@pytest.mark.parametrize("classes", [None, ["ground", "figure"]])
def test_black_and_white_masks(masked, classes, heard):
    mask = numbers(classes=2)
    dataset = Folder(path=str(masked({"a": mask * 255}, classes))).build()
    assert dataset.spec.mask_names == tuple(classes or ("class 0", "class 1"))
    assert dataset.spec.palette == ((0, 0, 0), (255, 255, 255))
    np.testing.assert_array_equal(dataset[0]["mask"], mask)
    assert any("the masks are black and white: 0 is" in line for line in heard)


def test_strange_colours_are_unlabelled_and_listed(masked, heard):
    image = coloured(numbers())
    image[0, 0], image[1, 1] = (1, 2, 3), (255, 0, 0)
    dataset = Folder(path=str(masked({"a": image}, LEGEND))).build()
    assert dataset.spec.mask_names == ("sky", "sea", "sand", "unlabelled")
    assert (dataset[0]["mask"][[0, 1], [0, 1]] == 3).all()
    assert "colours of masks without a class in classes.json, which are 'unlabelled': #010203, #ff0000" in heard


def test_colours_without_classes_are_their_own_names(masked, heard):
    dataset = Folder(path=str(masked({"a": coloured(numbers())}))).build()
    assert set(dataset.spec.mask_names) == {"colour #87ceeb", "colour #000080", "colour #c2b280"}
    np.testing.assert_array_equal(np.array(dataset.spec.palette)[dataset[0]["mask"]], coloured(numbers()))
    assert "there is no classes.json: the classes of the masks are called by their colours" in heard


def test_a_palette_of_the_files_is_kept_and_gaps_get_colours_of_their_own(masked):
    root = masked({"a": with_palette(numbers(classes=2) * 2, [SKY, (9, 9, 9), SAND])})
    spec = Folder(path=str(root)).build().spec
    assert (spec.palette[0], spec.palette[2]) == (SKY, SAND)
    assert len(set(spec.palette)) == 3


def test_masks_that_cannot_be_used_take_their_image_with_them(masked, heard):
    root = masked({name: numbers() for name in ("good", "wide", "deep", "fraction", "blurred", "small", "broken")})
    Image.fromarray(numbers(8, 30)).save(root / "masks" / "wide.png")
    Image.fromarray(numbers().astype(np.uint16) + 300).save(root / "masks" / "deep.png")
    (root / "masks" / "fraction.png").unlink()
    Image.fromarray(numbers().astype(np.float32) / 2 + 0.25).save(root / "masks" / "fraction.tif")
    (root / "masks" / "blurred.png").unlink()
    Image.fromarray(numbers()).save(root / "masks" / "blurred.jpg")
    Image.fromarray(numbers(4, 4)).save(root / "masks" / "small.png")
    (root / "masks" / "broken.png").write_bytes(b"nothing")
    dataset = Folder(path=str(root)).build()
    assert dataset.paths == ("images/good.png", "images/small.png")
    text = "\n".join(heard)
    for reason in (
        "skipped images/wide.png: its mask masks/wide.png: 30 x 8 pixels for an image of 8 x 8: other proportions",
        "skipped images/deep.png: its mask masks/deep.png: the class number 302: masks hold 0 to 255",
        "skipped images/fraction.png: its mask masks/fraction.tif: holds fractions, and a mask holds class numbers",
        "skipped images/blurred.png: its mask masks/blurred.jpg: a JPEG, which blurs class numbers into each other",
        "skipped images/broken.png: its mask masks/broken.png: damaged, or not a PNG",
        "masks of another size than their image: 1, resized by nearest",
    ):
        assert reason in text


def test_too_many_colours_and_names_without_colours(masked, noise):
    with pytest.raises(
        InputError, match="hold (4,096 or more|4,0..) colours, and 256 classes are the most: save them without smoothed"
    ):
        Folder(path=str(masked({"a": noise(64, 64)}, size=(64, 64), name="smooth"))).build()
    with pytest.raises(
        InputError, match="are in colour, and classes.json gives names without colours: give each class"
    ):
        Folder(path=str(masked({"a": coloured(numbers())}, ["sky", "sea", "sand"], name="colourless"))).build()


@pytest.mark.parametrize(
    "data",
    [
        LEGEND,
        {"classes": LEGEND},
        [{"name": entry["name"], "colour": "#{:02x}{:02x}{:02x}".format(*entry["color"])} for entry in LEGEND],
        {"sky": "#87ceeb", "sea": [0, 0, 128], "sand": "#c2b280"},
        {str(n): entry for n, entry in enumerate(LEGEND)},
    ],
)
def test_forms_of_classes_with_colours(tmp_path, data):
    (tmp_path / "classes.json").write_text(json.dumps(data))
    legend = read_legend(tmp_path / "classes.json")
    assert legend.names == {0: "sky", 1: "sea", 2: "sand"}
    assert legend.colors == {0: SKY, 1: SEA, 2: SAND}


@pytest.mark.parametrize("data", [["sky", "sea"], {"0": "sky", "1": "sea"}, {"sky": 0, "sea": 1}])
def test_forms_of_classes_without_colours(tmp_path, data):
    (tmp_path / "classes.json").write_text(json.dumps(data))
    assert read_legend(tmp_path / "classes.json").names == {0: "sky", 1: "sea"}
    assert not read_legend(tmp_path / "classes.json").colors


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("{", "is no JSON"),
        ("[]", r"holds \[\], which names no class: give a list of names"),
        ("[1]", "holds 1, which names no class"),
        ('[{"id": 0}]', "which names no class"),
        ('{"sky": "skyblu"}', 'holds "skyblu", which names no class'),
        ('{"sky": [1, 2, 300]}', "which names no class"),
        ('["sky", "sky"]', "the class 1 'sky' comes twice"),
        ('{"300": "sky"}', "the class 'sky' has the number 300, and masks hold 0 to 255"),
        ('{"sky": "#fff", "sea": "white"}', "the colour #ffffff of 'sea' is another class's too"),
        ('[{"name": "sky", "color": "#fff"}, "sea"]', "the class 'sea' has no colour, and others have one"),
    ],
)
def test_classes_that_cannot_be_read(tmp_path, text, sentence):
    (tmp_path / "classes.json").write_text(text)
    with pytest.raises(InputError, match=sentence):
        read_legend(tmp_path / "classes.json")


def test_the_cache_knows_the_classes(masked):
    root = masked({"a": numbers()}, ["x", "y", "z"])
    before = Folder(path=str(root)).build().spec
    (root / "classes.json").write_text(json.dumps(["a", "b", "c"]))
    after = Folder(path=str(root)).build().spec
    assert (before.mask_names, after.mask_names) == (("x", "y", "z"), ("a", "b", "c"))
    assert before.fingerprint != after.fingerprint
