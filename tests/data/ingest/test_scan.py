"""What a folder holds, and the rule by which subfolders are classes."""

import os

import pytest
from PIL import Image

from debruit.annotations.image_classes import classify
from debruit.data.ingest.listing import list_images
from debruit.data.ingest.scan import Scan, scan
from debruit.data.sources.folder import Folder
from debruit.errors import InputError


def scanned(root) -> Scan:
    return scan(Folder(path=str(root)).collection())


@pytest.mark.parametrize(
    ("names", "classes"),
    [
        (["cat/1.png", "dog/1.png"], ("cat", "dog")),
        (["cat/deep/er/1.png", "dog/1.png"], ("cat", "dog")),
        (["all/cat/1.png", "all/dog/1.png"], ("cat", "dog")),
        (["a/b/c/cat/1.png", "a/b/c/dog/1.png"], ("cat", "dog")),
        (["train/cat/1.png", "train/dog/1.png", "test/cat/1.png"], ("cat", "dog")),
        (["Train/cat/1.png", "val/dog/1.png"], ("cat", "dog")),
        (["1.png", "2.png"], ()),
        (["only/1.png", "only/2.png"], ()),
        (["train/1.png", "test/1.png"], ()),
        (["cat/1.png", "dog/1.png", "stray.png"], ()),
    ],
)
def test_classes_by_layout(names, classes):
    found = classify(names)
    assert found.names == classes
    assert set(found.labels) == (set(names) if classes else set())
    for name, label in found.labels.items():
        assert f"{classes[label]}/" in name
    assert found.why


def test_why_says_what_was_decided():
    assert "next to the subfolders cat, dog" in classify(["cat/1.png", "dog/1.png", "x.png"]).why
    assert "2 classes from the subfolders: cat, dog" in classify(["cat/1.png", "dog/1.png"]).why
    assert "test, train are taken together" in classify(["train/a/1.png", "test/b/1.png"]).why


def test_order_does_not_depend_on_the_disk_and_hidden_files_are_passed_over(folder, noise):
    names = ["b/2.png", "b/10.PNG", "a.png", "ä/x.png", ".hidden.png", ".git/c.png", "b/.DS_Store"]
    root = folder({name: noise(4, 4) if name.lower().endswith("png") else b"x" for name in names})
    found = [file.name for file in list_images(root).files]
    assert found == sorted(["b/2.png", "b/10.PNG", "a.png", "ä/x.png"])


def test_links_are_followed_once(folder, noise, tmp_path):
    root = folder({"a/1.png": noise(4, 4)})
    other = folder({"2.png": noise(4, 4)}, "elsewhere")
    os.symlink(other, root / "linked")
    os.symlink(root, root / "loop")
    assert [file.name for file in list_images(root).files] == ["a/1.png", "linked/2.png"]


def test_headers_are_read_and_sorted_out(folder, noise, png16):
    root = folder(
        {
            "a/1.png": noise(4, 6),
            "a/2.png": noise(4, 6, 1),
            "b/1.png": png16(noise(8, 8, 1, "uint16")[..., None]),
            "b/2.png": b"",
            "b/3.jpg": b"nonsense",
        }
    )
    found = scanned(root)
    assert [(image.name, found.classes.labels[image.name]) for image in found.images] == [
        ("a/1.png", 0),
        ("a/2.png", 0),
        ("b/1.png", 1),
    ]
    assert found.sizes() == {(4, 6): 2, (8, 8): 1}
    assert (found.channels, found.depth) == (3, "uint16")
    assert [name for name, _ in found.unreadable] == ["b/2.png", "b/3.jpg"]
    assert found.unreadable[0].reason == "zero bytes"


def test_scanning_decodes_nothing(folder, png_header):
    assert scanned(folder({"huge.png": png_header(20_000, 20_000)})).sizes() == {(20_000, 20_000): 1}


def bad_folders(folder, tmp_path):
    folder({}, "empty")
    folder({"a.heic": b"x", "b.txt": b"x", "c.heic": b"x"}, "foreign")
    folder({".a.png": b"x"}, "hidden")
    folder({"a.png": b"", "b.png": b"junk"}, "broken")
    folder({"a.zip": b"x", "a.png": b"x"}, "files")
    return {
        "photoss": "there is no folder .*photoss",
        "emptyy": "there is no folder .*emptyy, did you mean 'empty'",
        "empty": "the folder .*empty is empty",
        "hidden": "the folder .*hidden is empty",
        "foreign": r"holds no image, only other files \(2 .heic, 1 .txt\).*convert",
        "broken": r"none of the 2 images in .*broken can be read \(the first, a.png: zero bytes\)",
        "files/a.zip": "is a file, and a source is a folder of images: unpack it",
        "files/a.png": "is a file, and a source is a folder of images: give the folder",
    }


def test_bad_folders_end_in_a_sentence(folder, tmp_path):
    for name, sentence in bad_folders(folder, tmp_path).items():
        with pytest.raises(InputError, match=sentence):
            scanned(tmp_path / name)


def test_a_locked_folder_is_named(folder, noise, monkeypatch):
    root = folder({"a.png": noise(4, 4), "locked/b.png": noise(4, 4)})
    real = os.scandir

    def scandir(path):
        if str(path).rstrip("/").endswith("locked"):
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    assert scanned(root).unreadable == (("locked/", "this folder cannot be opened (Permission denied)"),)


def test_names_of_any_bytes_can_be_shown(folder):
    root = folder({"a.png": Image.new("L", (4, 4))})
    os.rename(os.fsencode(root / "a.png"), os.fsencode(root) + b"/\xff\xfe.png")
    (root / "b.png").write_bytes(b"")
    heard = []
    dataset = Folder(path=str(root)).build()
    assert len(dataset) == 1
    "".join(heard).encode("utf-8")
