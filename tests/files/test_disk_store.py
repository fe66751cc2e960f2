"""The store: values and folders are whole or not there; damage is noticed, reported and repaired; writers do not
disturb each other."""

import errno
import json
import os
import threading
from pathlib import Path

import numpy as np
import pytest
import torch

from debruit import events
from debruit.errors import InputError
from debruit.files import store as module
from debruit.files.store import (
    Store,
    check_space,
    find_folder,
    read_meta,
    read_value,
    write_folder,
    write_meta,
    write_value,
)

VALUES = [
    np.arange(6, dtype=np.float32).reshape(2, 3),
    np.array(3.5),
    np.zeros((0, 4), np.uint16),
    np.arange(12).reshape(3, 4).T,
    np.array([True, False]),
    {"a": [1, 2.5, None, "x", True], "b": {"c": []}},
    {"features": np.eye(2), "facts": {"count": 3, "names": ["a", "b"]}},
    [{"x": np.arange(3)}, {"x": np.arange(4)}, 7],
    "text",
    0,
]


@pytest.fixture
def store(tmp_path) -> Store:
    return Store(tmp_path / "store")


@pytest.fixture
def notices():
    sentences: list[str] = []
    with events.listen(lambda event: sentences.append(event.message)):
        yield sentences


def equal(a, b) -> bool:
    if isinstance(a, np.ndarray):
        return a.shape == b.shape and a.dtype == b.dtype and bool((a == b).all())
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(equal(a[key], b[key]) for key in a)
    return len(a) == len(b) and all(map(equal, a, b)) if isinstance(a, list) else a == b


@pytest.mark.parametrize("value", VALUES, ids=range(len(VALUES)))
def test_a_value_is_read_as_it_was_written(store, value):
    assert store.get("k") is None
    assert "k" not in store
    store.put("k", value)
    assert "k" in store
    assert equal(value, store.get("k"))
    assert not list(store.folder.glob(".*"))


def test_not_a_number_and_infinity_are_kept(store):
    store.put("k", [float("nan"), float("inf")])
    assert str(store.get("k")) == "[nan, inf]"


def test_tensors_of_every_type_are_read_as_tensors(tmp_path):
    tensors = {
        "a": torch.arange(6.0).view(2, 3).T,
        "b": torch.tensor([1.5, -2], dtype=torch.bfloat16),
        "c": torch.tensor(3),
    }
    write_value(tmp_path / "x.safetensors", {**tensors, "step": 4})
    again = read_value(tmp_path / "x.safetensors", framework="pt")
    assert again.pop("step") == 4
    assert again.keys() == tensors.keys()
    assert all(torch.equal(again[name], tensors[name]) for name in tensors)


def test_one_array_is_read_without_the_others(store):
    store.put("k", {"indices": np.arange(3), "parts": [np.ones(2), np.zeros(1)]})
    np.testing.assert_array_equal(store.peek("k", "indices"), [0, 1, 2])
    np.testing.assert_array_equal(store.peek("k", "parts/1"), [0])
    assert store.peek("k", "other") is None
    assert store.peek("nothing", "indices") is None


def test_names_by_their_beginning(store):
    assert not list(store.names())
    for name in ("features-b", "features-a", "scores-a"):
        store.put(name, 1)
    assert list(store.names()) == ["features-a", "features-b", "scores-a"]
    assert list(store.names("features-")) == ["features-a", "features-b"]
    store.clear()
    assert not list(store.names())


def test_a_value_is_made_once(store):
    calls: list[int] = []
    for _ in range(2):
        assert store.get_or_make("k", lambda: calls.append(0) or {"x": 1}) == {"x": 1}
    assert len(calls) == 1


def flip_a_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-5] ^= 1
    path.write_bytes(content)


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-9])


def foreign(path: Path) -> None:
    path.write_bytes(b"something else")


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def without_a_digest(path: Path) -> None:
    from safetensors.numpy import save_file

    save_file({"x": np.ones(3)}, path)


def another_value(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b"7", b"8", 1))


@pytest.mark.parametrize("damage", [flip_a_byte, cut_short, foreign, emptied, without_a_digest, another_value])
def test_a_damaged_value_is_reported_removed_and_made_again(store, notices, damage):
    value = {"number": 7, "x": np.arange(20)}
    store.put("k", value)
    damage(store.path("k"))
    assert store.get("k") is None
    assert len(notices) == 1
    assert "is damaged (" in notices[0]
    assert "k" not in store
    assert equal(store.get_or_make("k", lambda: value), value)
    assert equal(store.get("k"), value)
    assert len(notices) == 1


def full(descriptor):
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_leaves_the_old_value_and_nothing_else(store, notices, monkeypatch):
    store.put("k", 1)
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(InputError, match="the disk is full"):
        store.put("k", 2)
    store.keep("k", 2)
    assert len(notices) == 1
    assert notices[0].startswith("not saved for next time: ")
    monkeypatch.undo()
    assert store.get("k") == 1
    assert [path.name for path in store.folder.iterdir()] == ["k.safetensors"]


def test_a_folder_that_cannot_be_made_costs_only_the_cache(tmp_path, notices):
    (tmp_path / "file").write_text("in the way")
    assert Store(tmp_path / "file").get_or_make("k", lambda: 5) == 5
    assert notices[0].startswith("not saved for next time: ")


def test_threads_that_write_one_value_at_once(store):
    """Each reader sees one of the values, whole."""
    values = [np.full(20_000, n) for n in range(4)]
    wrong: list = []

    def work(n: int) -> None:
        for _ in range(15):
            store.put("k", values[n])
            if len(set(store.get("k").tolist())) != 1:
                wrong.append(n)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert [path.name for path in store.folder.iterdir()] == ["k.safetensors"]


def entry(folder: Path, content: bytes = bytes(range(200)) * 5000) -> None:
    (folder / "x.bin").write_bytes(content)
    write_meta(folder, "x.bin", {"name": "x"})


def load(folder: Path) -> str:
    return read_meta(folder, "x.bin")["name"]


def truncate(folder: Path) -> None:
    os.truncate(folder / "x.bin", 1000)


def overwrite(folder: Path) -> None:
    with open(folder / "x.bin", "r+b") as file:
        file.seek(-100, os.SEEK_END)
        file.write(bytes(50))


def no_meta(folder: Path) -> None:
    (folder / "meta.json").unlink()


def cut_meta(folder: Path) -> None:
    os.truncate(folder / "meta.json", 5)


def list_meta(folder: Path) -> None:
    (folder / "meta.json").write_text(json.dumps([1]))


@pytest.mark.parametrize("damage", [truncate, overwrite, no_meta, cut_meta, list_meta])
def test_a_damaged_folder_is_reported_and_removed(tmp_path, notices, damage):
    folder = tmp_path / "entries" / "k"
    assert find_folder(folder, load) is None
    write_folder(folder, entry)
    assert find_folder(folder, load) == "x"
    assert not notices
    damage(folder)
    assert find_folder(folder, load) is None
    assert "is damaged (" in notices[0]
    assert not folder.exists()


def test_a_folder_is_there_whole_or_not_at_all(tmp_path):
    def interrupted(part: Path) -> None:
        entry(part)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_folder(tmp_path / "entries" / "k", interrupted)
    assert not list((tmp_path / "entries").iterdir())


def test_the_faster_writer_of_a_folder_wins(tmp_path):
    folder = tmp_path / "entries" / "k"

    def slow(part: Path) -> None:
        write_folder(folder, entry)
        entry(part)
        write_meta(part, "x.bin", {"name": "slow"})

    write_folder(folder, slow)
    assert load(folder) == "x"
    assert [path.name for path in folder.parent.iterdir()] == ["k"]


def test_space_is_requested_before_it_is_used(tmp_path, monkeypatch):
    monkeypatch.setattr(module.shutil, "disk_usage", lambda path: module.shutil._ntuple_diskusage(10, 10, 0))
    with pytest.raises(InputError, match=r"the cache of x needs 5 MB and the disk of .* has 0 MB left"):
        check_space("x", 5_000_000, tmp_path)
