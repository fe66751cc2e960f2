"""Parquet tables with labels, captions and columns of every type; null values; several files; names of parts."""

import io
import json

import numpy as np
import pytest
from PIL import Image

from debruit.data import find_source
from debruit.data.sources.parquet import Parquet
from debruit.errors import InputError

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")


def png(value: int) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.full((8, 8, 3), value, np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def table(tmp_path):
    """table("train.parquet", rows=4, label=...): a file with these columns beside the images; the folder that it is
    in."""

    def make(name="data.parquet", rows=4, names=None, **columns):
        images = [{"bytes": png(n), "path": f"{n}.png"} for n in range(rows)]
        data = pa.table({"image": images} | columns)
        if names:
            features = {"image": {"_type": "Image"}, "label": {"names": names, "_type": "ClassLabel"}}
            data = data.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
        path = tmp_path / "tables" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(data, path, row_group_size=3)
        return tmp_path / "tables"

    return make


def built(root):
    return Parquet(path=str(root)).build()


@pytest.mark.parametrize("name", ["label", "class"])
def test_labels_that_are_bytes_are_names_unless_they_are_pictures(table, name):
    dataset = built(table(**{name: [b"cat", b"BMW", b"cat", b"BMW"]}))
    assert dataset.spec.class_names == ("BMW", "cat")
    assert dataset.masks is None


def test_a_label_of_pictures_is_a_mask(table):
    buffer = io.BytesIO()
    Image.fromarray(np.tile(np.array([0, 1], np.uint8), (8, 4))).save(buffer, "PNG")
    dataset = built(table(label=[buffer.getvalue()] * 4))
    assert dataset.masks is not None
    assert dataset.labels is None


@pytest.mark.parametrize(
    ("label", "classes", "labels"),
    [
        (pa.array([0, 1, 1, 0], pa.int8()), ("0", "1"), [0, 1, 1, 0]),
        (pa.array([0, 1, 1, 0], pa.uint64()), ("0", "1"), [0, 1, 1, 0]),
        (["b", "a", "a", "b"], ("a", "b"), [1, 0, 0, 1]),
        (pa.array(["b", "a", "a", "b"], pa.large_string()), ("a", "b"), [1, 0, 0, 1]),
        (pa.array(["b", "a", "a", "b"]).dictionary_encode(), ("a", "b"), [1, 0, 0, 1]),
        (pa.array([5, 3, 3, 5]).dictionary_encode(), ("3", "5"), [1, 0, 0, 1]),
        ([True, False, False, True], ("False", "True"), [1, 0, 0, 1]),
        ([2.0, 0.0, 0.0, 2.0], ("0", "2"), [1, 0, 0, 1]),
        ([[1], [0], [0], [1]], ("0", "1"), [1, 0, 0, 1]),
        ([b"b", b"a", b"a", b"b"], ("a", "b"), [1, 0, 0, 1]),
    ],
)
def test_labels_of_every_type(table, label, classes, labels):
    dataset = built(table(label=label))
    assert dataset.spec.class_names == classes
    assert dataset.labels is not None
    assert dataset.labels.tolist() == labels


@pytest.mark.parametrize(
    ("label", "said"),
    [
        ([0.5, 0.25, 0.5, 1.0], "labels that are not used: 3, a fraction"),
        ([[0, 1], [1, 2], [2], [0, 1]], "labels that are not used: 3, several labels"),
        ([-2, -2, -2, 0], "labels that are not used: 3, a number below 0"),
        ([{"a": 1}] * 4, "labels that are not used: 4, neither a number nor a name"),
    ],
)
def test_labels_that_are_none_are_counted(table, label, said, heard):
    assert built(table(label=label)).labels is None
    assert said in heard


def test_null_labels_images_and_captions_are_counted(table, heard):
    images = [
        {"bytes": png(0), "path": "0.png"},
        None,
        {"bytes": None, "path": None},
        {"bytes": png(3), "path": "3.png"},
        {"bytes": png(4), "path": ""},
    ]
    root = table(rows=5, image=images, label=pa.array([0, 1, 1, None, 1]), text=["a", "b", "c", None, None])
    dataset = built(root)
    assert dataset.paths == ("data.parquet row 0", "data.parquet row 4")
    for line in (
        "skipped data.parquet row 1: it has no image",
        "skipped data.parquet row 2: it has no image",
        "skipped data.parquet row 3: no label, and the other images have one",
        "skipped 3 of 5 images",
        "captions for 1 of 2 images, for the others the caption is none: a prompt will have little effect; caption "
        "them, or move the images without a "
        "caption elsewhere",
    ):
        assert line in heard


def test_numbers_beyond_the_names_are_no_labels(table, heard):
    dataset = built(table(label=[0, 1, 2, 1], names=["cat", "dog"]))
    assert dataset.spec.class_names == ("cat", "dog")
    assert "labels that are not used: 1, no name for their number, 2 names are there" in heard
    assert dataset.skipped == (("data.parquet row 2", "no label, and the other images have one"),)


def test_tables_that_number_their_classes_differently_meet_by_name(table, heard):
    table("a.parquet", label=[0, 1, 0, 1], names=["cat", "dog"])
    dataset = built(table("b.parquet", label=[0, 1, 2, 1], names=["dog", "cat", "fox"]))
    assert dataset.spec.class_names == ("cat", "dog", "fox")
    assert dataset.labels is not None
    assert dataset.labels.tolist() == [0, 1, 0, 1, 1, 0, 2, 0]
    assert "tables that name their classes in different orders: joined by their names: cat, dog, fox" in heard


def test_columns_that_are_not_used_are_named_with_their_types(table, heard):
    root = table(
        "a.parquet", text=[1, 2, 3, 4], patient=["x", "x", "y", "z"], depth=[{"bytes": png(1), "path": ""}] * 4
    )
    table("b.parquet", label=[0, 1, 0, 1])
    assert built(root).texts is None
    assert "columns that are neither images nor conditions: depth (images), patient (string), text (int64)" in heard
    assert "1 table without a column of labels, which others have: a.parquet" in heard


def test_captions_of_every_type(table):
    for text in (
        pa.array(["a", "b", "", None], pa.large_string()),
        pa.array(["a", "b", "", None]).dictionary_encode(),
        [["a"], ["b"], [], None],
    ):
        assert built(table(text=text)).texts == (("a",), ("b",), (), ())


@pytest.mark.parametrize(
    "names",
    [
        ("data/train-00000-of-00002.parquet", "data/train-00001-of-00002.parquet", "data/test-00000-of-00001.parquet"),
        ("train/0000.parquet", "train/0001.parquet", "test/0000.parquet"),
        ("my_train.parquet", "part.parquet", "my_test.parquet"),
    ],
)
def test_a_train_and_a_test_file_are_parts_of_the_data(table, names, heard):
    for name in names:
        root = table(name, rows=3)
    dataset = find_source(str(root)).build()
    assert dataset.parts is not None
    assert {
        name.partition(" row")[0]: part for name, part in zip(dataset.paths, dataset.parts.tolist(), strict=True)
    } == dict(zip(names, (0, 0, 2), strict=True))


def test_a_column_split_divides_the_data(table):
    dataset = built(table(rows=5, split=["train", "Validation", "test", "other", None]))
    assert dataset.parts is not None
    assert dataset.parts.tolist() == [0, 1, 2, 3, 3]
    assert built(table("data.parquet", rows=3, split=["test"] * 3)).parts is None
    assert built(table("data.parquet", rows=3)).parts is None


def test_a_table_without_rows_is_refused(table):
    with pytest.raises(InputError, match="there is no image in"):
        built(table(rows=0, image=pa.array([], pa.binary())))


def test_columns_by_which_images_are_grouped(table):
    source = Parquet(path=str(table(patient=[1.0, None, 2.0, 1.0], site=["é", "a", "a", "b"], vector=[[1.0]] * 4)))
    assert source.columns() == ("patient", "site")
    assert source.column("patient") == {"data.parquet row 0": "1", "data.parquet row 2": "2", "data.parquet row 3": "1"}
    assert source.column("site")["data.parquet row 0"] == "é"
