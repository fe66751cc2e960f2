"""Layouts of masks as other people's data has them: taken for masks, or said in a line; never a class in silence."""

import numpy as np
import pytest
from PIL import Image

from debruit.data.sources.folder import Folder


def mask(seed: int) -> np.ndarray:
    return np.kron(np.random.default_rng(seed).integers(0, 3, (4, 4), dtype=np.uint8), np.ones((4, 4), np.uint8))


@pytest.fixture
def build(folder, noise, heard):
    """build(image_names, mask_names, more): the data set of noise with these masks, in turn; what was said is in
    `heard`."""

    def make(images, masks, more=None):
        files = {name: noise(16, 16, seed=n) for n, name in enumerate(images)}
        files |= {name: mask(n) for n, name in enumerate(masks)}
        return Folder(path=str(folder(files | (more or {})))).build()

    return make


LAYOUTS = [
    (f"{images}/{{}}.png", f"{masks}/{{}}.png")
    for images, masks in (
        ("images", "masks"),
        ("images", "annotations"),
        ("images", "labels"),
        ("images", "mask"),
        ("images", "segmentation"),
        ("images", "gt"),
        ("images", "ground_truth"),
        ("Images", "Ground-Truth"),
        ("JPEGImages", "SegmentationClass"),
        ("imgs", "masks"),
        ("image", "label"),
        ("photos", "masks"),
        ("cats", "masks"),
        ("train", "trainannot"),
        ("train", "train_masks"),
        ("train/images", "train/labels"),
        ("data/all/img", "data/all/gt"),
        ("images/train", "annotations/train"),
        ("input", "target"),
    )
] + [
    ("images/{}.png", "masks/{}_mask.png"),
    ("images/{}.png", "labels/{}_L.png"),
    ("all/{}.png", "all/{}_mask.png"),
    ("{}.png", "{}_seg.png"),
    ("{}.png", "{}-gt.png"),
    ("{}.png", "{}.mask.png"),
    ("{}.png", "{}_label.png"),
    ("{}.png", "masks/{}.png"),
    ("{}.png", "annotations/{}_mask.png"),
]


@pytest.mark.parametrize(("images", "masks"), LAYOUTS)
def test_layouts_of_masks(build, heard, images, masks):
    dataset = build([images.format(f"a{n}") for n in range(4)], [masks.format(f"a{n}") for n in range(4)])
    assert dataset.paths == tuple(images.format(f"a{n}") for n in range(4))
    assert dataset.spec.class_names == ()
    assert dataset.spec.mask_names == ("class 0", "class 1", "class 2")
    for n in range(4):
        np.testing.assert_array_equal(dataset[n]["mask"], mask(n))
    assert next(line for line in heard if line.startswith("masks ")).endswith(": 4 of 4 images have one")


def test_splits_of_images_and_masks(build):
    names = [f"{split}{{}}/{n}.png" for split in ("train", "val", "test") for n in range(2)]
    dataset = build([name.format("") for name in names], [name.format("annot") for name in names])
    assert len(dataset) == 6
    assert dataset.spec.class_names == ()
    assert len(dataset.spec.mask_names) == 3


def test_pascal_voc_with_masks_of_objects_too(build, heard):
    images = [f"VOC2012/JPEGImages/{n}.png" for n in range(5)]
    masks = [f"VOC2012/{kind}/{n}.png" for kind in ("SegmentationClass", "SegmentationObject") for n in range(3)]
    dataset = build(images, masks)
    assert dataset.paths == tuple(images[:3])
    assert "masks from SegmentationClass/ next to JPEGImages/: 3 of 5 images have one" in heard
    assert (
        "not used: 3 files of SegmentationObject/, which could be masks too; those of SegmentationClass/ are used"
        in heard
    )
    assert "skipped VOC2012/JPEGImages/4.png: it has no mask VOC2012/SegmentationClass/4.png" in heard


def test_what_only_is_called_so_is_a_class_and_reported(folder, noise, heard):
    files = {f"{kind}/{n}.png": noise(16, 16, seed=n) for kind in ("images", "labels") for n in range(4)}
    dataset = Folder(path=str(folder(files))).build()
    assert dataset.spec.class_names == ("images", "labels")
    assert "labels/ has the names of images/, and its files do not look like masks: they are taken for images" in heard


def test_other_names_are_a_class_and_reported(build, heard):
    dataset = build([f"images/{n}.png" for n in range(4)], [f"labels/x{n}.png" for n in range(3)] + ["labels/0.png"])
    assert dataset.spec.mask_names == ()
    line = (
        "labels/ could hold masks of images/, and 1 of its 4 files has the name of an image: they are taken "
        "for images; call each mask as its image"
    )
    assert line in heard


def test_classes_that_are_called_as_masks_are(build):
    dataset = build(
        [f"{kind}/{n}.png" for kind in ("faces", "hats") for n in range(3)], [f"mask/{n}.png" for n in range(3)]
    )
    assert dataset.spec.class_names == ("faces", "hats", "mask")


def test_two_folders_of_equal_names_of_which_one_looks_like_masks(build, heard):
    dataset = build([f"cells/{n}.png" for n in range(4)], [f"drawn/{n}.png" for n in range(4)])
    assert dataset.spec.class_names == ("cells", "drawn")
    assert any(
        line.startswith(
            "the files of drawn/ have the names of those in cells/ and look like masks, and are taken for a class"
        )
        for line in heard
    )


def test_a_suffix_that_means_something_else(folder, noise, heard):
    files = {f"{n}{end}.png": noise(16, 16, seed=n) for n in range(4) for end in ("", "_mask")}
    dataset = Folder(path=str(folder(files))).build()
    assert len(dataset) == 8
    assert (
        "4 files called as the masks of others (0_mask.png, 1_mask.png, 2_mask.png and 1 more) do not look like masks: "
        "they are taken for images" in heard
    )
    few = folder({f"{n}.png": noise(16, 16, seed=n) for n in range(9)} | {"0_mask.png": mask(0)}, "few")
    assert len(Folder(path=str(few)).build()) == 10
    assert any(
        line.startswith("1 file looks like a mask of others (0_mask.png), for fewer than half of 9 images")
        for line in heard
    )


def test_black_and_white_photographs_of_masks(build, noise, folder, heard):
    """Masks that were a JPEG are recognised, and refused with their reason, not trained on."""
    files = {f"images/{n}.png": noise(16, 16, seed=n) for n in range(3)}
    root = folder(files)
    (root / "labels").mkdir()
    for n in range(3):
        Image.fromarray(np.kron(np.eye(2, dtype=np.uint8) * 255, np.ones((8, 8), np.uint8))).save(
            root / "labels" / f"{n}.jpg"
        )
    from debruit.errors import InputError

    with pytest.raises(InputError, match="its mask labels/0.jpg: a JPEG, which blurs class numbers"):
        Folder(path=str(root)).build()
