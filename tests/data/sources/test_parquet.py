"""Tables of images in Hugging Face's layout."""

import importlib.util
import io
import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from debruit import config
from debruit.data import find_source
from debruit.data.doctor.doctor import examine
from debruit.data.sources.parquet import Parquet
from debruit.errors import InputError

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")


def png(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def table(tmp_path, noise):
    """table("data/train.parquet", rows=4, text=[...]): a file with noise for images and these further columns."""

    def make(name="train.parquet", rows=4, features=None, image=None, group=2, seed=0, **columns):
        images = [png(noise(8, 8, seed=seed + n)) for n in range(rows)]
        columns = {
            "image": image(images) if image else [{"bytes": data, "path": f"{n}.png"} for n, data in enumerate(images)]
        } | columns
        data = pa.table(columns)
        if features:
            data = data.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
        path = tmp_path / "tables" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(data, path, row_group_size=group)
        return path

    return make


FEATURES = {"image": {"_type": "Image"}, "label": {"names": ["cat", "dog"], "_type": "ClassLabel"}}


def test_images_captions_and_labels(table, noise):
    path = table(rows=5, features=FEATURES, text=["a", "b", "", None, "e"], label=[0, 1, 1, 0, 1])
    source = find_source(str(path))
    assert isinstance(source, Parquet)
    dataset = source.build()
    assert dataset.spec.name == "train"
    assert dataset.spec.class_names == ("cat", "dog")
    assert dataset.labels is not None
    assert dataset.labels.tolist() == [0, 1, 1, 0, 1]
    assert dataset.texts == (("a",), ("b",), (), (), ("e",))
    assert dataset.paths[3] == "train.parquet row 3"
    for n in range(5):
        np.testing.assert_array_equal(dataset[n]["image"].numpy(), noise(8, 8, seed=n).transpose(2, 0, 1))
    assert source.build().spec == dataset.spec
    assert source.with_conditions(("text",)) is source
    assert config.decode(config.encode(source), type(source)) == source


def test_a_folder_of_tables_in_order(table, noise):
    table("data/train-00001.parquet", rows=2, seed=5, caption=[["x", "y"], []])
    table("data/train-00000.parquet", rows=3, caption=[["a"], ["b", "c"], ["d"]])
    root = table("data/train-00000.parquet", rows=3, caption=[["a"], ["b", "c"], ["d"]]).parent.parent
    (root / "README.md").write_text("about it")
    source = find_source(str(root))
    assert isinstance(source, Parquet)
    dataset = source.build()
    assert dataset.texts == (("a",), ("b", "c"), ("d",), ("x", "y"), ())
    np.testing.assert_array_equal(dataset[3]["image"].numpy(), noise(8, 8, seed=5).transpose(2, 0, 1))


@pytest.mark.parametrize(
    ("column", "image"),
    [("image", lambda images: images), ("image", lambda images: pa.array(images, pa.large_binary()))],
)
def test_plain_bytes(table, column, image):
    assert len(Parquet(path=str(table(image=image))).build()) == 4


def test_images_as_files_beside_the_table_but_not_elsewhere(table, folder, noise, tmp_path, heard):
    (tmp_path / "tables").mkdir()
    Image.fromarray(noise(8, 8)).save(tmp_path / "tables" / "a.png")
    Image.fromarray(noise(8, 8)).save(tmp_path / "elsewhere.png")
    inside, above = {"bytes": None, "path": "a.png"}, {"bytes": None, "path": "../elsewhere.png"}
    path = table(rows=3, image=lambda images: [{"bytes": images[0], "path": "0"}, inside, above])
    dataset = Parquet(path=str(path)).build()
    assert dataset.paths == ("train.parquet row 0", "train.parquet row 1")
    assert "skipped train.parquet row 2: it has no image" in heard


def test_a_changed_file_beside_the_table_is_read_again(table, noise, tmp_path, heard):
    beside = tmp_path / "tables" / "data" / "a.png"
    named = lambda images: [{"bytes": images[0], "path": "a.png"}, {"bytes": None, "path": "a.png"}]  # noqa: E731
    path = table("data/train.parquet", rows=2, image=named)
    for source in (Parquet(path=str(path)), Parquet(path=str(path.parent.parent))):
        beside.unlink(missing_ok=True)
        assert len(source.build()) == 1
        for seed in (3, 4):
            Image.fromarray(noise(8, 8, seed=seed)).save(beside)
            dataset = source.build()
            np.testing.assert_array_equal(dataset[1]["image"].numpy(), noise(8, 8, seed=seed).transpose(2, 0, 1))
        assert source.build().spec == dataset.spec


def test_a_file_that_no_row_needs_is_not_looked_at(table, noise, tmp_path):
    path = table(rows=3)  # rows with bytes, and the names 0.png, 1.png and 2.png
    first = Parquet(path=str(path)).build()
    Image.fromarray(noise(8, 8, seed=9)).save(tmp_path / "tables" / "0.png")
    assert Parquet(path=str(path)).build().spec == first.spec


def test_masks_and_named_labels(table):
    masks = [png(np.full((8, 8), n % 2, np.uint8)) for n in range(4)]
    path = table(mask=[{"bytes": data, "path": ""} for data in masks[:3]] + [None], label=["b", "a", "b", "a"])
    (path.parent / "classes.json").write_text('["sky", "sea"]')
    dataset = Parquet(path=str(path)).build()
    assert dataset.spec.class_names == ("a", "b")
    assert dataset.spec.mask_names == ("sky", "sea")
    assert [int(dataset[n]["mask"].max()) for n in range(3)] == [0, 1, 0]
    assert dataset.skipped == (("train.parquet row 3", "it has no mask"),)


def test_missing_labels_and_broken_images_are_left_out(table, heard):
    path = table(image=lambda images: [images[0], b"junk", images[2], images[3]], label=[0, 0, 1, -1])
    dataset = Parquet(path=str(path)).build()
    assert dataset.paths == ("train.parquet row 0", "train.parquet row 2")
    assert any(line.startswith("skipped train.parquet row 1: damaged") for line in heard)
    assert "skipped train.parquet row 3: no label, and the other images have one" in heard
    assert Parquet(path=str(path), labelled=False).build().spec.class_names == ()


def test_a_damaged_table_beside_a_good_one(table, heard):
    root = table("a.parquet").parent
    (root / "b.parquet").write_bytes(table("b.parquet").read_bytes()[:-200])
    dataset = Parquet(path=str(root)).build()
    assert len(dataset) == 4
    assert any(line.startswith("skipped b.parquet: no Parquet file, or damaged") for line in heard)
    found = examine(Parquet(path=str(root)))
    assert any(line.startswith("1 shard damaged: b.parquet") for line in found.findings)
    assert not any("left out" in line for line in found.findings)


def test_tables_that_cannot_be_used(table, tmp_path, monkeypatch):
    path = tmp_path / "x.parquet"
    pq.write_table(pa.table({"text": ["a"], "n": [1]}), path)
    with pytest.raises(
        InputError, match=r"x.parquet: no column of images among text, n .*; give Parquet files with a column of images"
    ):
        Parquet(path=str(path)).build()
    (tmp_path / "none").mkdir()
    with pytest.raises(
        InputError, match="there is no .parquet file in .*none: give a Parquet file or a folder of them"
    ):
        Parquet(path=str(tmp_path / "none")).build()
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r'pyarrow, which is not installed: pip install "debruit\[parquet\]"'):
        Parquet(path=str(table())).build()


MEMORY = """
import resource, sys
import debruit.data.dataset
from debruit.data.sources.parquet import Parquet
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
Parquet(path=sys.argv[2]).build()
start = peak()
Parquet(path=sys.argv[1]).build()
print(peak() - start)
"""


def test_memory_stays_bounded(table, noise):
    """600 images of 49 kB in row groups of 50 are decoded, and memory grows by less than half of that."""
    big = [png(noise(128, 128, seed=n)) for n in range(20)] * 30
    path, small = table("big.parquet", rows=600, group=50, image=lambda _: big), table("small.parquet")
    done = subprocess.run([sys.executable, "-c", MEMORY, path, small], capture_output=True, text=True, check=True)
    assert path.stat().st_size > 2e6
    assert float(done.stdout) < 14


def test_files_beside_tables_are_told_as_they_are_here_and_now(table, tmp_path):
    first = table("a/0.parquet").parent
    shutil.copytree(first, second := first.parent / "b")
    beside = first / "x.csv"
    beside.write_text("x")

    def told(root):
        return [note for note in Parquet(path=str(root)).build().notes if "files next to" in note]

    assert len(told(first)) == 1
    assert told(second) == []
    beside.unlink()
    assert told(first) == []
