"""Tables and text files beside images that other programs wrote: each is read rightly, or its line or its name is
said."""

import json
import unicodedata

import pytest

from debruit.annotations.annotations import are_numbers
from debruit.annotations.names import composed, lookup, position
from debruit.data.sources.folder import Folder
from debruit.errors import InputError
from debruit.text.encodings import decoded, lines_of


@pytest.fixture
def photos(folder, noise):
    """photos({"a.txt": b"..."}): the images a, b and c, and these files."""

    def make(files: dict, name="photos", images=("a", "b", "c")):
        return folder({f"{stem}.png": noise(8, 8, seed=len(stem) + n) for n, stem in enumerate(images)} | files, name)

    return make


def built(root):
    return Folder(path=str(root)).build()


ROWS = "\n".join(f"{n}.png,a dog number {n}" for n in range(1, 60))


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (f'file_name,text\n0.png,"12 inch\n{ROWS}\n', "line 2: a quote .* opens or closes where none can"),
        (f'file_name,text\n{ROWS}\n0.png,"12 inch\n', "line 61: a quote"),
        (
            f'file_name,text\n0.png,"12 inch\n{ROWS}\n60.png,of 5"\n',
            "line 2: a quote .* is closed only in line 62, and swallows the rows",
        ),
        ('text,file_name\n"12 inch,0.png\na dog,1.png\nof 5",2.png\n', "line 2: a quote .* is closed only in line 4"),
        ('file_name,text\n0.png,"a "red" door"\n', "line 2: a quote"),
        ("file_name,text\n0.png,a cat\n1.png,red, white and blue\n", "line 3 has 3 cells and the header has 2"),
        ("file_name,text,text\n0.png,a,b\n", "has the column 'text' twice"),
        (
            "0.png,a cat\n1.png,a dog\n",
            "has no header, its first line is '0.png,a cat': begin it with a line such as file_name,text",
        ),
        ("file_name\ttext\n0.png\ta\tb\n", "line 2 has 3 cells"),
    ],
)
def test_a_line_that_cannot_be_meant_is_named(photos, content, sentence):
    root = photos({"captions.csv": content.encode()}, images=[str(n) for n in range(3)])
    with pytest.raises(InputError, match=f"captions.csv:? {sentence}"):
        built(root)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_encodings_and_ends_of_lines(photos, encoding, end):
    text = end.join(["file_name;text", "a.png;un café, rouge", 'b.png;"a 12"" pipe"', 'c.png;a 5" pipe', ""])
    root = photos({"captions.csv": text.encode(encoding), "c.txt": f"ein Haus{end}zwölf".encode(encoding)})
    assert built(root).texts == (("un café, rouge",), ('a 12" pipe',), ('a 5" pipe', "ein Haus", "zwölf"))


def test_an_encoding_that_cannot_be_told_is_no_text():
    for encoding in ("latin-1", "cp1252", "mac-roman", "shift-jis"):
        text = "日本の写真" if encoding == "shift-jis" else "café"
        assert decoded(text.encode(encoding)) is None
    assert decoded(b"\x89PNG\r\n\0\0\0\0") is None
    assert decoded(b"") == ""
    assert lines_of("a\u2028b\x85c\r\nd") == ["a\u2028b\x85c", "d"]


def test_a_caption_of_several_lines_in_quotes_is_one(photos):
    root = photos({"captions.csv": b'file_name,text\na.png,"a door,\nand a hat"\nb.png,two\n'})
    assert built(root).texts == (("a door,\nand a hat",), ("two",), ())


def test_what_rows_lack_is_counted(photos, heard):
    rows = [
        {"file_name": "a.png", "text": "one", "size": 3},
        {"file_name": "a.png", "text": ["two", "three"]},
        {"file_name": "b.png", "text": ""},
        {"file_name": "b.png"},
        {"file_name": "c.png", "text": 7},
        {"file_name": "z.png", "text": "x"},
    ]
    dataset = built(photos({"captions.jsonl": "\n".join(map(json.dumps, rows)).encode()}))
    assert dataset.texts == (("one", "two", "three"), (), ())
    for line in (
        "captions.jsonl names images that are not in the folder (1): z.png",
        "captions.jsonl has several rows for 2 images: each row is a caption of it",
        "captions.jsonl: 2 rows without a caption (the first: line 3)",
        "captions.jsonl: 1 caption not used, neither a text nor a list of texts (the first: line 5, 7)",
        "captions.jsonl: no captions in the columns size",
        "captions for 1 of 3 images, for the others the caption is none",
    ):
        assert any(line in said for said in heard), line


def test_a_separator_inside_of_json_ends_no_line(photos):
    line = json.dumps({"file_name": "a.png", "text": "one\u2028two"}, ensure_ascii=False).encode()
    assert built(photos({"captions.jsonl": line + b"\n"})).texts == (("one\u2028two",), (), ())


BOXES = b"0 0.51 0.43 0.12 0.3\n3 0.1 0.2 0.3 0.4\n"


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        (BOXES.decode(), True),
        ("0 0.5 0.4 0.1 0.3 0.98", True),
        ("1 " + " ".join(["0.25"] * 24), True),
        ("812 5 840 5 840 30 812 30 small-ship 0", True),
        ("Car 0.00 0 -1.57 599.41 156.40 629.75 189.25 2.85 2.63 12.34 0.47 1.49 69.44 -1.56", True),
        ("12,3,40,50", True),
        ("7", True),
        ("", False),
        ("3 cats and 4 dogs", False),
        ("a photo of 12 34 56", False),
        ("in 2021, 20 people", False),
    ],
)
def test_boxes_are_told_from_captions(text, numbers):
    assert are_numbers(text) is numbers


def test_boxes_are_no_captions_and_are_counted(photos, heard):
    dataset = built(photos({"a.txt": BOXES, "b.txt": b"", "classes.txt": b"car\nship\n"}))
    assert dataset.texts is None
    assert "1 text file next to images: boxes or numbers, no captions: a.txt" in heard
    assert "1 text file next to images: empty, no caption: b.txt" in heard


def test_files_that_describe_the_folder_are_no_captions(photos, heard):
    names = ("README", "LICENSE", "requirements", "classes")
    dataset = built(photos({f"{name}.txt": b"Some words." for name in names}, images=("a", *names)))
    assert dataset.texts is None
    assert "no captions, by their names: LICENSE.txt, README.txt, classes.txt, requirements.txt" in heard


def test_names_in_the_other_form_match(photos, heard):
    mac = unicodedata.normalize("NFD", "été0")
    root = photos(
        {
            f"{unicodedata.normalize('NFC', 'été1')}.txt": "un été".encode(),
            "captions.csv": "file_name,text\nété0.png,une île\n".encode(),
        },
        images=(mac, unicodedata.normalize("NFD", "été1")),
    )
    assert built(root).texts == (("une île",), ("un été",))
    assert not any("not used" in line for line in heard)


def test_an_exact_name_comes_before_one_in_the_other_form():
    one, other = unicodedata.normalize("NFC", "é"), unicodedata.normalize("NFD", "é")
    assert composed(other) == one
    both = lookup({one: 1, other: 2})
    assert (both(one), both(other)) == (1, 2)
    assert lookup({other: 2})(one) == 2
    assert lookup({other: 2})("e") is None
    assert position(one, ["a", other]) == 1
    assert position("b", ["a", other]) is None


def test_masks_and_classes_in_the_other_form_match(folder, noise):
    one, other = unicodedata.normalize("NFC", "é"), unicodedata.normalize("NFD", "é")
    masked = folder({f"images/{other}.png": noise(8, 8), f"masks/{one}.png": noise(8, 8, 1) % 2}, "masked")
    assert len(built(masked)) == 1
    classes = folder(
        {
            f"train/{one}/0.png": noise(8, 8),
            f"val/{other}/1.png": noise(8, 8),
            "train/a/2.png": noise(8, 8),
            "class_names.txt": f"{one} summer\na spring\n".encode(),
        },
        "classes",
    )
    dataset = built(classes)
    assert dataset.spec.class_names == ("spring", "summer")
    assert dataset.labels is not None
    assert dataset.labels.tolist() == [0, 1, 1]


def test_names_of_classes_without_classes_are_reported_not_to_be_used(photos, heard):
    built(photos({"class_names.txt": b"n01 tench\n"}))
    assert "no classes; class_names.txt is not used, there are no classes to name" in heard


def test_an_entry_of_other_rules_is_built_again(photos, heard, cache):
    root = photos({"a.txt": b"one"})
    first = built(root)
    meta = cache / "data" / first.spec.fingerprint / "meta.json"
    meta.write_text(
        json.dumps(
            {key: value for key, value in json.loads(meta.read_text()).items() if key not in ("reading", "parts")}
        )
    )
    again = built(root)
    assert any("it was read by the rules of another version): building it again" in line for line in heard)
    assert again.spec == first.spec


def test_a_table_without_rows_is_reported_not_to_be_used(photos, heard):
    built(photos({"captions.csv": b"file_name,text\n"}))
    assert "captions.csv is not used: it has no rows" in heard
