"""Laws of every built-in source, and the way from what a user types to a source. A new file in data/ is tested here
because it exists."""

from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
import torch

from debruit import config
from debruit.data import DataSpec, builtin_sources, find_source
from debruit.data.sources import fashion_mnist
from debruit.data.sources.folder import Folder
from debruit.data.sources.parquet import Parquet
from debruit.data.sources.shards import Shards
from debruit.errors import InputError

NAMES = list(builtin_sources())


@pytest.fixture
def source(request, shared_cache, monkeypatch):
    monkeypatch.setenv("DEBRUIT_CACHE", str(shared_cache))
    return builtin_sources()[request.param]()


def test_the_expected_ones_are_there():
    assert {"digits", "emoji", "fashion-mnist", "openmoji"} <= set(NAMES)
    assert "folder" not in NAMES


@pytest.mark.parametrize("source", NAMES, indirect=True)
def test_it_keeps_its_promises(source):
    dataset = source.build()
    spec = dataset.spec
    assert spec.name == source.name
    assert spec.count == len(dataset) == len(dataset.paths) > 0
    assert len(set(dataset.paths)) == len(dataset)
    assert len(spec.fingerprint) == 32
    assert config.decode(config.encode(spec), DataSpec) == spec
    batch = dataset.batch(np.arange(0, len(dataset), max(1, len(dataset) // 7)))
    assert batch["image"].dtype == getattr(torch, spec.depth)
    assert batch["image"].shape[1:] == spec.shape
    x = spec.to_model(batch["image"])
    assert -1 <= x.min() < x.max() <= 1
    assert torch.equal(spec.from_model(x), batch["image"])
    if spec.class_names:
        assert spec.lettered
        assert dataset.labels is not None
        assert set(np.unique(dataset.labels)) == set(range(len(spec.class_names)))
    again = source.build()
    assert again.spec == spec
    np.testing.assert_array_equal(again.images, dataset.images)


@pytest.mark.parametrize("source", NAMES, indirect=True)
def test_its_config_survives_json_and_has_a_line_for_the_list(source):
    assert config.decode(config.encode(source), type(source)) == source
    assert find_source(source.name) == source
    assert (type(source).__doc__ or "").strip().splitlines()[0]


@pytest.mark.parametrize("name", NAMES)
def test_when_it_is_missing_the_error_names_the_command(name, monkeypatch):
    def missing(package):
        raise metadata.PackageNotFoundError(package)

    monkeypatch.setattr(metadata, "version", missing)
    monkeypatch.setattr(fashion_mnist, "SYSTEM_FOLDER", Path("/nowhere"))
    for use in (builtin_sources()[name]().build, builtin_sources()[name]().check):
        with pytest.raises(InputError, match=f"`debruit data get {name}`"):
            use()


def test_parts_of_built_in_sources():
    assert find_source("openmoji/food-drink").groups == ("food-drink",)
    assert find_source("fashion-mnist/test").split == "test"
    with pytest.raises(
        InputError, match=r"unknown group of OpenMoji 'food', did you mean 'food-drink'\?; allowed|unknown group"
    ):
        find_source("openmoji/food-drin")
    with pytest.raises(InputError, match="unknown split of fashion-mnist 'tests', did you mean 'test'"):
        find_source("fashion-mnist/tests")


def test_folders_are_found_by_their_path(folder, noise, monkeypatch, tmp_path):
    root = folder({"a.png": noise(4, 4)})
    assert find_source(str(root)) == Folder(path=str(root))
    monkeypatch.chdir(tmp_path)
    assert find_source("photos") == find_source("./photos") == Folder(path=str(root))
    (tmp_path / "digits").mkdir()
    assert find_source("digits").name == "digits"
    assert find_source("./digits") == Folder(path=str(tmp_path / "digits"))


def test_what_a_folder_holds_says_what_it_is(folder, noise, tmp_path):
    """Images win over tables and shards, more files over fewer; only the two upper levels are looked at."""
    for name, files, kind in (
        ("a", {"data/x.parquet": b"", "README.md": b""}, Parquet),
        ("b", {"0.tar": b"", "1.tar": b"", "x.parquet": b""}, Shards),
        ("c", {"0.tar": b"", "1.png": noise(4, 4)}, Folder),
        ("d", {"0.tar": b"", "cat/1.png": noise(4, 4)}, Folder),
        ("e", {"deep/er/0.tar": b""}, Folder),
        ("f", {".hidden/0.tar": b"", "x.txt": b""}, Folder),
        ("g", {}, Folder),
    ):
        found = find_source(str(folder(files, name)))
        assert isinstance(found, kind), name
        assert found.path == str(tmp_path / name)
    assert isinstance(find_source(str(tmp_path / "a" / "data" / "x.parquet")), Parquet)
    assert isinstance(find_source(str(tmp_path / "no-{0..3}.tar")), Shards)  # which are missed when they are opened


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("no.tar", "no source and no folder 'no.tar'"),
        ("no.parquet", "no source and no folder 'no.parquet'"),
        ("fashion_mnist", "no source and no folder 'fashion_mnist', did you mean 'fashion-mnist'"),
        ("openmojis", "did you mean 'openmoji'"),
        ("./no/where", "give the path of a folder of images, or one of digits, emoji, fashion-mnist, openmoji"),
        ("", "no source and no folder ''"),
        ("digits/3", "no source and no folder 'digits/3'"),
    ],
)
def test_unknown_sources(text, sentence):
    with pytest.raises(InputError, match=sentence):
        find_source(text)


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "a.png").write_bytes(b"x")
    with pytest.raises(InputError, match="is a file, and a source is a folder"):
        find_source(str(tmp_path / "a.png")).build()


def test_looking_for_sources_does_not_wait_for_torch():
    import subprocess
    import sys

    code = "import sys; from debruit.data import find_source; find_source('digits'); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
