"""Captions beside images: files, tables, several for one image, some images without, and every table that cannot be
used."""

import json

import pytest

from debruit.annotations.captions import captioned, read_captions
from debruit.data.doctor.doctor import examine
from debruit.data.sources.folder import Folder
from debruit.errors import InputError


def lines(*rows: dict) -> bytes:
    return "\n".join(json.dumps(row) for row in rows).encode()


@pytest.fixture
def photos(folder, noise):
    """photos({"a.txt": b"..."}): the images a, b and c, and these files."""

    def make(files: dict, name="photos", images="abc"):
        return folder({f"{stem}.png": noise(8, 8, seed=ord(stem)) for stem in images} | files, name)

    return make


A_AND_B = (("a red door", "une porte rouge"), ("two hats",), ())


@pytest.mark.parametrize(
    "files",
    [
        {"a.txt": b"a red door\n\nune porte rouge \n", "b.caption": b"\xef\xbb\xbftwo hats"},
        {
            "captions.jsonl": lines(
                {"file_name": "a.png", "text": ["a red door", "une porte rouge"]},
                {"file_name": "b.png", "text": "two hats"},
            )
        },
        {
            "metadata.jsonl": lines(
                {"file_name": "./a.png", "caption": "a red door", "x": 1},
                {"file_name": "b.png", "caption": "two hats"},
                {"file_name": "a.png", "caption": "une porte rouge"},
            )
        },
        {"captions.csv": b'file_name,text\na.png,a red door\na.png,une porte rouge\nb.png,"two hats"\n'},
        {"metadata.csv": b"image;caption\r\na.png;a red door\r\nb.png;two hats\r\na.png;une porte rouge\r\n"},
        {"captions.csv": b"file_name\ttext\na.png\ta red door\nb.png\ttwo hats\n", "a.txt": b"une porte rouge"},
    ],
)
def test_every_form_gives_the_same_captions(photos, files, heard):
    dataset = Folder(path=str(photos(files))).build()
    assert dataset.texts == A_AND_B
    assert dataset.batch([0, 1, 2])["text"] == ["a red door", "two hats", ""]
    assert "captions for 2 of 3 images, for the others the caption is none" in heard


def test_captions_in_subfolders_with_classes_and_with_masks(folder, noise):
    files = {f"{kind}/{n}.png": noise(8, 8) for kind in ("cat", "dog") for n in range(2)}
    tables = {
        "cat/metadata.jsonl": lines({"file_name": "0.png", "text": "a cat"}),
        "captions.jsonl": lines({"file_name": "dog/1.png", "text": "a dog"}),
        "dog/0.txt": b"dog zero",
    }
    dataset = Folder(path=str(folder(files | tables))).build()
    assert dataset.spec.class_names == ("cat", "dog")
    assert dataset.texts == (("a cat",), (), ("dog zero",), ("a dog",))
    masked = folder(
        {
            "images/a.png": noise(8, 8),
            "masks/a.png": noise(8, 8, 1) % 2,
            "captions.jsonl": lines({"file_name": "a.png", "text": "hills"}),
        },
        "masked",
    )
    item = Folder(path=str(masked)).build()[0]
    assert item["text"] == "hills"
    assert set(item) == {"image", "text", "mask"}


def test_no_captions_at_all(photos):
    assert (
        Folder(path=str(photos({"readme.txt": b"not a caption", "metadata.csv": b"a,b\n1,2\n"}))).build().texts is None
    )


@pytest.mark.parametrize(
    ("count", "says"),
    [
        (0, ""),
        (10, "captions for all 10 images"),
        (9, "captions for 9 of 10 images, for the others the caption is none"),
        (
            5,
            "the caption is none: a prompt will have little effect; caption them, or move the images without a caption "
            "elsewhere",
        ),
        (1, "captions for 1 of 10 images, for the others the caption is none: a prompt"),
    ],
)
def test_what_is_reported_about_how_many_have_one(count, says):
    assert (says in captioned(count, 10)) if says else captioned(count, 10) == ""
    assert ("little effect" in captioned(count, 10)) == (0 < count <= 5)


def test_captions_for_half_of_the_images_are_reported_before_training_and_by_the_doctor(photos, heard):
    root = photos({f"{stem}.txt": b"a thing" for stem in "ab"}, images="abcd")
    Folder(path=str(root)).build()
    assert any(
        line.startswith(
            "captions for 2 of 4 images, for the others the caption is none: a prompt will have little effect"
        )
        for line in heard
    )
    heard.clear()
    Folder(path=str(root)).build()  # from the cache
    assert any(line.startswith("captions for 2 of 4 images") for line in heard)
    found = examine(Folder(path=str(root)))
    assert (
        "captions missing for 2 of 4 images, half or more of them: a prompt will have little effect" in found.findings
    )
    assert "2 captions of 2 equal to another's, most often 'a thing' (2)" in found.findings
    assert "captions    2 captions of 2 images, 2 to 2 words, half of them up to 2" in found.lines()


def test_over_long_captions_are_found(photos):
    root = photos({"a.txt": b"word " * 61, "b.txt": b"word " * 60, "c.txt": b"x"})
    assert any(line.startswith("1 caption of more than 60 words") for line in examine(Folder(path=str(root))).findings)


def test_names_that_are_not_there_are_reported(photos):
    table = lines({"file_name": "a.png", "text": "x"}, {"file_name": "z.png", "text": "y"})
    notes = Folder(path=str(photos({"captions.jsonl": table}))).build().notes
    assert "captions.jsonl names images that are not in the folder (1): z.png" in notes


def test_a_bare_name_is_found_if_there_is_one_of_it(tmp_path):
    images = ["images/a.png", "images/x/b.png", "images/y/b.png"]
    (tmp_path / "captions.csv").write_text("file_name,text\na.png,one\nb.png,two\nimages/y/b.png,three\n")
    found = read_captions(tmp_path, images, ["captions.csv"])
    assert found.of == {"images/a.png": ("one",), "images/y/b.png": ("three",)}
    assert "b.png" in found.notes[0]


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        (
            "metadata.csv",
            b"file_name,age\na.png,3\n",
            "metadata.csv has no captions; its columns can be named with --group: age",
        ),
        (
            "metadata.csv",
            b"file_name\na.png\n",
            "metadata.csv is not used: it has no column text or caption, only file_name",
        ),
        (
            "metadata.csv",
            b"file_name,age\nz.png,3\n",
            "metadata.csv is not used: none of its 1 row names an image of the folder",
        ),
        ("captions.jsonl", lines({"text": "x"}), "captions.jsonl is not used: it has no column file_name, only text"),
        ("captions.csv", b"", "captions.csv is not used: it has no column file_name, only nothing"),
        ("a.txt", b"caf\xe9", "captions that are no UTF-8 text are not used: a.txt"),
    ],
)
def test_what_is_not_used_is_reported(photos, name, content, says):
    dataset = Folder(path=str(photos({name: content}))).build()
    assert says in dataset.notes
    assert dataset.texts is None


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("captions.jsonl", b'{"file_name": "a.png", "text": "x"}\n{"file_name', "captions.jsonl: line 2 is no JSON"),
        ("captions.jsonl", b'"a.png"', "captions.jsonl: line 1 is no object: write"),
        (
            "captions.csv",
            b"file_name,text\na.png,caf\xe9",
            "captions.csv is no UTF-8 text: save it as UTF-8, or remove it",
        ),
        (
            "captions.jsonl",
            lines({"file_name": "x/a.png", "text": "x"}),
            r"captions.jsonl names 1 image, and none of them is in the folder \(the first: x/a.png\): its names are "
            r"relative",
        ),
    ],
)
def test_tables_that_cannot_be_meant(photos, name, content, sentence):
    with pytest.raises(InputError, match=sentence):
        Folder(path=str(photos({name: content}))).build()


def test_the_cache_knows_the_captions(photos):
    root = photos({"a.txt": b"before"})
    before = Folder(path=str(root)).build()
    (root / "a.txt").write_text("after it")
    after = Folder(path=str(root)).build()
    assert before.texts is not None
    assert after.texts is not None
    assert (before.texts[0], after.texts[0]) == (("before",), ("after it",))
    (root / "notes.txt").write_text("of no image")
    assert Folder(path=str(root)).build().spec == after.spec
