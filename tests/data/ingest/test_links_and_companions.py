"""Links between folders, and what lies beside images and is not used: counted and said."""

import os

import pytest

from debruit.data.doctor.doctor import examine
from debruit.data.ingest.listing import list_images
from debruit.data.sources.folder import Folder


def names(root) -> list[str]:
    return [file.name for file in list_images(root).files]


def notes(root) -> str:
    return "\n".join(list_images(root).notes)


def test_a_link_from_one_class_to_another_leaves_the_images_where_they_are(folder, noise, heard):
    root = folder({f"{kind}/{n}.png": noise(4, 4, seed=n) for n, kind in enumerate(("bees", "cats", "dogs"))})
    for link in ("ants", "zebras"):  # listed before and behind
        os.symlink(root / "cats", root / link)
    os.symlink("../bees", root / "cats" / "inner")
    dataset = Folder(path=str(root)).build()
    assert dataset.paths == ("bees/1.png".replace("1", "0"), "cats/1.png", "dogs/2.png")
    assert dataset.spec.class_names == ("bees", "cats", "dogs")
    line = (
        "3 links to folders that are in the source themselves, whose images count once, in the real folder: "
        "ants/ is cats/, cats/inner/ is bees/, zebras/ is cats/"
    )
    assert line in dataset.notes
    assert line in heard


def test_links_to_elsewhere_are_followed_and_counted(folder, noise):
    root, other = folder({"a/1.png": noise(4, 4)}), folder({"2.png": noise(4, 4), "3.png": noise(4, 4)}, "elsewhere")
    os.symlink(other, root / "b")
    os.symlink(other, root / "c")
    assert names(root) == ["a/1.png", "b/2.png", "b/3.png"]
    assert "1 link to folders elsewhere, which are followed: b/ (2 images)" in notes(root)
    assert (
        "1 link to folders that are in the source themselves, whose images count once, in the real folder: c/ is b/"
        in notes(root)
    )


def test_linked_files_count_once_where_they_are_in_the_source(folder, noise):
    root, other = folder({"b/1.png": noise(4, 4)}), folder({"2.png": noise(4, 4)}, "elsewhere")
    (root / "a").mkdir()
    os.symlink(root / "b" / "1.png", root / "a" / "1.png")
    os.symlink(other / "2.png", root / "a" / "2.png")
    os.symlink(other / "2.png", root / "b" / "2.png")
    assert names(root) == ["a/2.png", "b/1.png", "b/2.png"]
    assert (
        "1 link to images that are in the source themselves, which count once, under their real names: a/1.png is "
        "b/1.png" in notes(root)
    )
    line = (
        "2 links to images elsewhere, which are followed: a/2.png, b/2.png; 1 of them lead to the same file "
        "as another, and each counts"
    )
    assert line in notes(root)


def test_hard_links_circles_and_links_to_nowhere(folder, noise, heard):
    root = folder({"a/1.png": noise(4, 4), "b/2.png": noise(4, 4)})
    os.link(root / "a" / "1.png", root / "b" / "1.png")
    os.symlink(root, root / "a" / "up")
    os.symlink(root / "b" / "round", root / "a" / "round")
    os.symlink(root / "a" / "round", root / "b" / "round")
    os.symlink(root / "gone", root / "a" / "gone")
    os.symlink(root / "gone.png", root / "a" / "gone.png")
    dataset = Folder(path=str(root)).build()
    assert dataset.paths == ("a/1.png", "b/1.png", "b/2.png")
    text = "\n".join(heard)
    assert "2 images are hard links to 1 file, and each name counts: a/1.png = b/1.png" in text
    assert "a/up/ is the source itself" in text
    assert "3 links to nowhere, which are passed over: a/gone, a/round, b/round" in text
    assert "skipped a/gone.png: no such file, or a link to nowhere" in text


def test_what_lies_beside_images_is_named_with_a_count(folder, noise, heard):
    extra = {
        "a.xml": b"x",
        "b.xml": b"x",
        "instances_train.json": b"{}",
        "shapes/a.json": b"{}",
        "notes/a.txt": b"x",
        "labels.csv": b"x",
        "README.md": b"x",
        "Thumbs.db": b"x",
        "x/.DS_Store": b"x",
        "x/._a.png": b"x",
        ".hidden.png": b"x",
        "run.py": b"x",
    }
    pictures = {
        name: noise(4, 4)
        for name in ("a.png", "b.png", "@eaDir/a.png/THUMB.jpg", ".thumbnails/a.png", "__MACOSX/._a.png")
    }
    root = folder(pictures | extra)
    dataset = Folder(path=str(root)).build()
    assert dataset.paths == ("a.png", "b.png")
    for line in (
        "not used: 3 box files that look like boxes or lists of classes: a.xml, b.xml, instances_train.json",
        "not used: 1 JSON file that looks like labels or boxes: shapes/a.json",
        "not used: 1 text file that is the captions of no image here: notes/a.txt",
        "not used: 1 table that looks like labels or captions: labels.csv",
        "not used: 1 hidden image: .hidden.png",
        "not used: 3 files of the system's (previews, settings): Thumbs.db, x/.DS_Store, x/._a.png",
        "not used: 3 images in hidden folders or folders of previews: .thumbnails/, @eaDir/, __MACOSX/",
    ):
        assert line in heard
        assert line in examine(Folder(path=str(root))).notes
    assert not any("README" in line or "run.py" in line for line in heard)


@pytest.mark.parametrize(("photos", "thumbs"), [("", "thumbs"), ("", "x/Thumbnails"), ("photos/", "previews")])
def test_visible_folders_of_previews_are_read_and_named(folder, noise, photos, thumbs):
    """The field's readers of folders read them, and a class may be called so."""
    above = f"{thumbs.rpartition('/')[0]}/".lstrip("/")
    pictures = {f"{above}{photos}{n}.png": noise(8, 8, seed=n) for n in range(3)}
    root = folder(pictures | {f"{thumbs}/{n}.jpg": noise(4, 4, seed=n) for n in range(2)})
    assert names(root) == sorted([*pictures, f"{thumbs}/0.jpg", f"{thumbs}/1.jpg"])
    base = thumbs.rpartition("/")[2]
    assert (
        f"{thumbs}/ is read, 2 images with the names of others next to it: if they are previews, rename the folder to "
        f".{base}/, which is not read, or move it elsewhere" in notes(root)
    )


def test_a_class_called_thumbs_is_no_folder_of_previews(folder, noise):
    assert notes(folder({f"{kind}/{kind}{n}.png": noise(4, 4) for kind in ("thumbs", "palms") for n in range(3)})) == ""


def test_names_of_classes_that_nothing_needs(folder, noise, heard):
    Folder(path=str(folder({"a.png": noise(4, 4), "classes.json": b'["sky"]'}))).build()
    assert "no classes; classes.json is not used, there are no classes to name" in heard
    masks = {
        "images/a.png": noise(4, 4),
        "masks/a.png": noise(4, 4, 1) % 2,
        "classes.json": b'["x", "y"]',
        "masks/classes.json": b"[]",
    }
    Folder(path=str(folder(masks, "masked"))).build()
    assert "not used: masks/classes.json; classes.json names the classes of the masks" in heard
