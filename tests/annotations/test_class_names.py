"""ImageNet's folder for each class, and names for folders that are called by an identifier."""

import json

import pytest

from debruit.annotations.class_titles import renamed
from debruit.annotations.image_classes import by_labels, classify
from debruit.data.sources.folder import Folder
from debruit.errors import InputError

IDS = ("n01440764", "n02012849", "n03126707")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("class_names.txt", "n01440764 tench, Tinca tinca\nn02012849\tcrane\nn03126707 crane\n"),
        ("LOC_synset_mapping.txt", "n01440764 tench, Tinca tinca\nn02012849 crane\nn03126707: crane\n\n"),
        ("classes.json", json.dumps({"n01440764": "tench, Tinca tinca", "n02012849": "crane", "n03126707": "crane"})),
        (
            "classes.json",
            json.dumps({"0": ["n01440764", "tench"], "1": ["n02012849", "crane"], "2": ["n03126707", "crane"]}),
        ),
    ],
)
def test_names_of_imagenet(folder, noise, name, text, heard):
    files = {
        f"{split}/{kind}/{kind}_{n}.JPEG": noise(8, 8) for split in ("train", "val") for kind in IDS for n in range(2)
    }
    dataset = Folder(path=str(folder(files | {name: text.encode()}))).build()
    assert dataset.spec.class_names == ("tench", "crane (n02012849)", "crane (n03126707)")
    assert dataset.labels is not None
    assert dataset.labels.tolist() == [0, 0, 1, 1, 2, 2] * 2
    assert any(
        "train, val are taken together" in line and f"called by {name}: tench, crane (n02012849)" in line
        for line in heard
    )


def test_without_a_file_of_names_the_folders_are_the_names(folder, noise):
    files = {f"train/{kind}/1.JPEG": noise(8, 8) for kind in IDS}
    assert Folder(path=str(folder(files))).build().spec.class_names == IDS


def test_a_part_is_named(tmp_path):
    classes = classify(["a/1.png", "b/1.png"])
    (tmp_path / "class_names.txt").write_text("a apple\nz zebra\n")
    found = renamed(classes, tmp_path / "class_names.txt")
    assert found.names == ("apple", "b")
    assert "called by class_names.txt for 1 of them: apple, b" in found.why
    assert found.labels == classes.labels


@pytest.mark.parametrize("data", [["a", "b"], {"cat": 0}, {}])
def test_names_of_something_else_are_not_used(tmp_path, data):
    (tmp_path / "classes.json").write_text(json.dumps(data))
    found = renamed(classify(["a/1.png", "b/1.png"]), tmp_path / "classes.json")
    assert found.names == ("a", "b")
    assert found.why.endswith("classes.json is not used, it names none of them")


def test_files_of_names_that_cannot_be_read(tmp_path):
    classes = classify(["a/1.png", "b/1.png"])
    (tmp_path / "class_names.txt").write_bytes(b"a caf\xe9")
    with pytest.raises(InputError, match="class_names.txt is no UTF-8 text"):
        renamed(classes, tmp_path / "class_names.txt")
    (tmp_path / "classes.json").write_text("{")
    with pytest.raises(InputError, match="classes.json is no JSON"):
        renamed(classes, tmp_path / "classes.json")


def test_labels_stored_with_the_images():
    assert by_labels({"a": 1, "b": 0}, ["cat", "dog"]).names == ("cat", "dog")
    assert by_labels({"a": "dog", "b": "cat", "c": "dog"}).labels == {"a": 1, "b": 0, "c": 1}
    found = by_labels({"a": 7, "b": 3, "c": None})
    assert (found.names, found.labels) == (("3", "7"), {"a": 1, "b": 0})
    assert by_labels({"a": 5, "b": 0}, ["cat", "dog"]).names == ("0", "5")  # more numbers than names
    assert by_labels({"a": 1, "b": None, "c": None}).why == "no classes: only 1 of 3 images have a label"
    assert by_labels({"a": None}).names == ()
