"""The cache: found again by content, rebuilt when damaged, whole or not there, safe between processes."""

import errno
import hashlib
import json
import os
import pickle
import subprocess
import sys
import time
from importlib import import_module

import numpy as np
import pytest

from debruit.data.dataset import Dataset
from debruit.data.ingest.cache import Item, Recording, stored
from debruit.data.sources.folder import Folder
from debruit.errors import InputError
from debruit.files import keys
from debruit.files.keys import make_key
from debruit.images.spec import DataSpec

recording_module = import_module("debruit.data.ingest.plan")


@pytest.fixture
def photos(folder, noise):
    root = folder({f"{n}.png": noise(16, 16, seed=n) for n in range(5)})
    age(root)
    return root


def age(root, seconds: float = 60) -> None:
    """Makes files older, so that their time stamps can be relied upon."""
    for path in root.rglob("*.*"):
        os.utime(path, (time.time() - seconds,) * 2)


@pytest.fixture
def decoded(monkeypatch) -> list[str]:
    """The names of files as they are decoded."""
    seen: list[str] = []
    real = recording_module.decode
    monkeypatch.setattr(recording_module, "decode", lambda path, target: seen.append(path.name) or real(path, target))
    return seen


@pytest.fixture
def hashed(monkeypatch) -> list[str]:
    seen: list[str] = []
    real = keys._digest
    monkeypatch.setattr(keys, "_digest", lambda path: seen.append(path.name) or real(path))
    return seen


def entry(cache, dataset: Dataset):
    return cache / "data" / dataset.spec.fingerprint


def test_second_build_reads_no_file(photos, decoded, hashed):
    first = Folder(path=str(photos)).build()
    assert len(decoded) == len(hashed) == 5
    second = Folder(path=str(photos)).build()
    assert len(decoded) == len(hashed) == 5
    assert first.spec == second.spec
    np.testing.assert_array_equal(first.images, second.images)


def test_changed_content_is_noticed_whatever_the_time_stamp_says(folder, noise):
    root = folder({"a.bmp": noise(16, 16)})
    first = Folder(path=str(root)).build()
    stamp = (root / "a.bmp").stat().st_mtime_ns
    folder({"a.bmp": noise(16, 16, seed=1)})  # as large as before
    os.utime(root / "a.bmp", ns=(stamp, stamp))
    second = Folder(path=str(root)).build()
    assert second.spec.fingerprint != first.spec.fingerprint
    np.testing.assert_array_equal(second.images[0], noise(16, 16, seed=1).transpose(2, 0, 1))


def test_touched_or_moved_files_are_hashed_and_not_decoded_again(photos, decoded, hashed, tmp_path):
    first = Folder(path=str(photos)).build()
    age(photos, 120)
    assert Folder(path=str(photos)).build().spec == first.spec
    moved = photos.rename(tmp_path / "other")
    assert Folder(path=str(moved)).build().spec.fingerprint == first.spec.fingerprint
    assert len(hashed) == 15
    assert len(decoded) == 5


def test_every_setting_and_name_is_part_of_the_key(photos, noise):
    sources = [
        Folder(path=str(photos), **changes)
        for changes in ({}, {"size": 8}, {"size": (8, 16)}, {"background": "black"}, {"labelled": False})
    ]
    found = [source.build().spec.fingerprint for source in sources]
    (photos / "0.png").rename(photos / "9.png")
    found.append(sources[0].build().spec.fingerprint)
    (photos / "9.png").unlink()
    found.append(sources[0].build().spec.fingerprint)
    assert len(set(found)) == len(found)


def cut_short(folder):
    images = folder / "images.bin"
    os.truncate(images, images.stat().st_size - 1)


def overwrite(folder):
    with open(folder / "images.bin", "r+b") as file:
        file.seek(1000)
        file.write(bytes(64))


def cut_meta(folder):
    os.truncate(folder / "meta.json", 40)


def foreign_meta(folder):
    meta = json.loads((folder / "meta.json").read_text())
    meta["spec"]["type"] = "os.path.join"
    (folder / "meta.json").write_text(json.dumps(meta))


def no_images(folder):
    (folder / "images.bin").unlink()


def empty(folder):
    for path in folder.iterdir():
        path.unlink()


@pytest.mark.parametrize("damage", [cut_short, overwrite, cut_meta, foreign_meta, no_images, empty])
def test_damaged_entries_are_built_again_and_reported(photos, cache, heard, damage):
    first = Folder(path=str(photos)).build()
    expected = np.array(first.images)
    damage(entry(cache, first))
    second = Folder(path=str(photos)).build()
    assert sum("is damaged" in line and "building it again" in line for line in heard) == 1
    np.testing.assert_array_equal(second.images, expected)
    heard.clear()
    Folder(path=str(photos)).build()
    assert not any("damaged" in line for line in heard)


def test_full_disk_ends_in_a_sentence_and_leaves_nothing(photos, cache, monkeypatch):
    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(InputError, match=r"the disk of the cache .* is full.*DEBRUIT_CACHE"):
        Folder(path=str(photos)).build()
    assert not list((cache / "data").iterdir())


def test_too_little_space_is_reported_before_anything_is_decoded(photos, decoded, monkeypatch):
    import shutil

    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(10, 10, 0))
    with pytest.raises(InputError, match=r"needs .* MB and the disk of .* has 0 MB left"):
        Folder(path=str(photos)).build()
    assert not decoded


def test_a_cache_that_cannot_be_written(photos, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("x")
    monkeypatch.setenv("DEBRUIT_CACHE", str(tmp_path / "file"))
    with pytest.raises(InputError, match=r"the cache .*file cannot be written .*set DEBRUIT_CACHE"):
        Folder(path=str(photos)).build()


def test_an_interrupted_build_leaves_nothing(photos, cache, monkeypatch):
    def interrupted(path, target):
        raise KeyboardInterrupt

    monkeypatch.setattr(recording_module, "decode", interrupted)
    with pytest.raises(KeyboardInterrupt):
        Folder(path=str(photos)).build()
    assert not list((cache / "data").iterdir())


def test_what_killed_processes_left_is_removed_a_day_later(photos, cache):
    old, young = cache / "data" / "x.1-2.part", cache / "data" / "y.1-2.part"
    old.mkdir(parents=True)
    young.mkdir()
    os.utime(old, (time.time() - 90_000,) * 2)
    Folder(path=str(photos)).build()
    assert not old.exists()
    assert young.exists()


def test_keys_do_not_change_from_version_to_version():
    """A model's file names its data by such a key."""
    assert make_key("a", [1]) == hashlib.sha256(b'[1, "a", [1]]').hexdigest()[:32]


def test_processes_that_build_at_once_agree(photos, cache):
    code = (
        "import sys; from debruit.data.sources.folder import Folder\nd = Folder(path=sys.argv[1]).build()\n"
        "print(d.spec.fingerprint, int(d.images.astype('int64').sum()))"
    )
    running = [
        subprocess.Popen([sys.executable, "-c", code, photos], stdout=subprocess.PIPE, text=True) for _ in range(3)
    ]
    answers = {process.communicate()[0] for process in running}
    assert all(process.returncode == 0 for process in running)
    dataset = Folder(path=str(photos)).build()
    assert answers == {f"{dataset.spec.fingerprint} {int(dataset.images.astype('int64').sum())}\n"}
    assert [path.name for path in (cache / "data").iterdir()] == [dataset.spec.fingerprint]


def test_the_slower_process_takes_what_the_faster_has_written(cache):
    spec = DataSpec(name="x", channels=1, height=2, width=2, depth="uint8", low=0, high=1, count=1)
    image = np.ones((1, 2, 2), np.uint8)

    def slow_items():
        stored("k", lambda: Recording(spec=spec, items=[Item("fast", image)], total=1, origin="x"))
        yield Item("slow", image)

    dataset = stored("k", lambda: Recording(spec=spec, items=slow_items(), total=1, origin="x"))
    assert dataset.paths == ("fast",)


def test_images_are_mapped_and_travel_to_other_processes_by_path(photos):
    dataset = Folder(path=str(photos)).build()
    assert not dataset.images.flags.writeable
    assert not dataset.images.flags.owndata
    sent = pickle.dumps(dataset)
    assert len(sent) < 1000
    np.testing.assert_array_equal(pickle.loads(sent).images, dataset.images)


def test_cache_root(monkeypatch, tmp_path):
    assert keys.root() == tmp_path / "cache"
    monkeypatch.delenv("DEBRUIT_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert keys.root() == tmp_path / "debruit"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert keys.root() == tmp_path / ".cache" / "debruit"
