"""Several files or folders of one kind are one source; the shell expands shards/*.tar to that."""

import io
import tarfile

import numpy as np
import pytest
from PIL import Image

from debruit import config
from debruit.data import find_source
from debruit.data.sources.folder import Folder
from debruit.data.sources.shards import Shards
from debruit.errors import InputError
from debruit.workflows.train_source import arranged


def png(value: int) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.full((8, 8, 3), value, np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def shards(tmp_path):
    for n in range(3):
        with tarfile.open(tmp_path / f"s-{n}.tar", "w") as tar:
            facts = tarfile.TarInfo(f"{n}.png")
            facts.size = len(png(n))
            tar.addfile(facts, io.BytesIO(png(n)))
    return tmp_path


def test_shards_that_the_shell_named(shards):
    source = find_source([str(shards / f"s-{n}.tar") for n in range(3)])
    assert source == Shards(path=str(shards), only=("s-0.tar", "s-1.tar", "s-2.tar"))
    assert source.build().spec.fingerprint == find_source(str(shards)).build().spec.fingerprint
    assert find_source([str(shards / "s-2.tar"), str(shards / "s-0.tar")]).build().paths == ("s-0.tar/0", "s-2.tar/2")
    assert find_source([str(shards / "s-{0..1}.tar"), str(shards / "s-2.tar")]) == source
    assert config.decode(config.encode(source), type(source)) == source
    (shards / "s-1.tar").unlink()
    with pytest.raises(InputError, match=r"of the shards in .* s-1.tar is not there: put it back, or start a new run"):
        source.build()


def test_tables_in_several_folders(tmp_path):
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    for n, part in enumerate(("train", "test")):
        (tmp_path / part).mkdir()
        pq.write_table(pa.table({"image": [png(n), png(n + 5)]}), tmp_path / part / "0.parquet")
    dataset = find_source([str(tmp_path / part / "0.parquet") for part in ("train", "test")]).build()
    assert dataset.paths == (
        "test/0.parquet row 0",
        "test/0.parquet row 1",
        "train/0.parquet row 0",
        "train/0.parquet row 1",
    )
    assert dataset.parts is not None
    assert dataset.parts.tolist() == [2, 2, 0, 0]


def test_folders_beside_each_other_are_the_folder_that_holds_them(folder, noise):
    root = folder({f"{kind}/{n}.png": noise(8, 8, seed=n) for kind in ("cats", "dogs", "birds") for n in range(2)})
    source = find_source([str(root / "cats"), f"{root / 'dogs'}/"])
    assert source == Folder(path=str(root), only=("cats", "dogs"))
    dataset = source.build()
    assert dataset.spec.class_names == ("cats", "dogs")
    assert dataset.paths == ("cats/0.png", "cats/1.png", "dogs/0.png", "dogs/1.png")


def test_what_is_no_one_source(shards, folder, noise, tmp_path):
    photos, far = folder({"0.png": noise(8, 8)}), folder({"x/0.png": noise(8, 8)}, "far")
    shard = str(shards / "s-0.tar")
    for given, sentence in (
        (
            [shard, str(photos)],
            r"several sources are one where they are of one kind, and here are .*s-0.tar \(shards\), .*photos "
            r"\(folder\)",
        ),
        ([shard, shard], "s-0.tar is given twice"),
        ([shard, f"{shards}/./s-0.tar"], "s-0.tar is given twice"),
        ([str(photos), str(far / "x")], "several folders are one source where one folder holds them"),
        ([shard, "openmoji"], "openmoji is a built-in source"),
        ([shard, str(tmp_path / "none")], "there is no source and no folder"),
    ):
        with pytest.raises(InputError, match=sentence):
            find_source(given)


def test_arguments_of_train(shards, monkeypatch):
    monkeypatch.chdir(shards)
    assert arranged(()) == ("", None)
    assert arranged(("photos",)) == ("photos", None)
    assert arranged(("ldm", "photos")) == ("ldm", "photos")
    assert arranged(("autoencoder", "a.tar", "b.tar")) == ("autoencoder", ("a.tar", "b.tar"))
    assert arranged(("ddpm_fashion_mnist_28", "a.tar", "b.tar")) == ("ddpm_fashion_mnist_28", ("a.tar", "b.tar"))
    assert arranged(("s-0.tar", "s-1.tar")) == (("s-0.tar", "s-1.tar"), None)
    assert arranged(("none/a", "none/b")) == (("none/a", "none/b"), None)
    assert arranged(("ddpm-fashion", "s-1.tar")) == ("ddpm-fashion", "s-1.tar")
