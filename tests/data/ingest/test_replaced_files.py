"""What is found again in the cache: never a file that was replaced, whatever its size and time of modification; never
the notes of another folder."""

import json
import os
import pickle
import time

import numpy as np
import pytest

from debruit.data.sources.folder import Folder


def replace_keeping_the_stamp(path, data: bytes, *, moved: bool = False) -> None:
    """Other bytes of the same number, with the same time of modification: as cp -p, rsync -t (`moved` into place) and
    unzip do."""
    status = path.stat()
    assert status.st_size == len(data)
    target = path.with_name(f"{path.name}.new") if moved else path
    target.write_bytes(data)
    os.utime(target, ns=(status.st_atime_ns, status.st_mtime_ns))
    if moved:
        target.rename(path)


def age(root) -> None:
    for path in root.rglob("*.*"):
        os.utime(path, (time.time() - 60,) * 2)


def bytes_of(values: np.ndarray, tmp_path) -> bytes:
    from PIL import Image

    path = tmp_path / "made.bmp"
    Image.fromarray(values).save(path)
    return path.read_bytes()


@pytest.mark.parametrize("moved", [False, True])
@pytest.mark.parametrize("what", ["image", "caption", "mask", "names of classes"])
def test_a_file_of_the_same_size_and_time_stamp_is_read_anew(folder, noise, tmp_path, what, moved):
    mask = np.arange(16, dtype=np.uint8).reshape(4, 4) % 2
    files = {
        "images/a.bmp": noise(4, 4),
        "masks/a.bmp": mask,
        "images/a.txt": b"red",
        "classes.json": json.dumps(["sky", "sea"]).encode(),
    }
    root = folder(files)
    age(root)
    first = Folder(path=str(root)).build()
    assert Folder(path=str(root)).build().spec == first.spec
    other = noise(4, 4, seed=1)
    changed = {
        "image": ("images/a.bmp", bytes_of(other, tmp_path)),
        "caption": ("images/a.txt", b"new"),
        "mask": ("masks/a.bmp", bytes_of(1 - mask, tmp_path)),
        "names of classes": ("classes.json", json.dumps(["sun", "sea"]).encode()),
    }[what]
    replace_keeping_the_stamp(root / changed[0], changed[1], moved=moved)
    second = Folder(path=str(root)).build()
    assert second.spec.fingerprint != first.spec.fingerprint
    found = {
        "image": lambda: np.array_equal(second.images[0], other.transpose(2, 0, 1)),
        "caption": lambda: second.texts == (("new",),),
        "mask": lambda: np.array_equal(second[0]["mask"], 1 - mask),
        "names of classes": lambda: second.spec.mask_names == ("sun", "sea"),
    }[what]
    assert found()


def test_a_folder_has_its_own_name_and_notes(folder, noise, heard):
    """The second is decoded from the cache of the first, whose content it has."""
    pictures = {f"{n}.png": noise(4, 4, seed=n) for n in range(3)}
    first = Folder(path=str(folder(pictures | {"x.heic": b"x", "a.xml": b"x"}, "one"))).build()
    heard.clear()
    second = Folder(path=str(folder(pictures, "two"))).build()
    assert second.spec.fingerprint == first.spec.fingerprint
    assert (first.spec.name, second.spec.name) == ("one", "two")
    assert any("1 .heic" in note for note in first.notes)
    assert not any(word in line for line in (*second.notes, *heard) for word in ("heic", "box file", "one"))
    again = Folder(path=str(folder({}, "one"))).build()
    assert again.notes == first.notes
    sent = pickle.loads(pickle.dumps(again))
    assert (sent.spec, sent.notes) == (again.spec, again.notes)


def test_a_folder_that_cannot_be_opened_is_reported_of_its_own_place(folder, noise, monkeypatch):
    pictures = {"a.png": noise(4, 4)}
    whole, locked = folder(pictures, "whole"), folder(pictures | {"locked/b.png": noise(4, 4)}, "partly")
    real = os.scandir

    def scandir(path):
        if str(path).rstrip("/").endswith("locked"):
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    assert Folder(path=str(locked)).build().skipped == (
        ("locked/", "this folder cannot be opened (Permission denied)"),
    )
    assert Folder(path=str(whole)).build().skipped == ()
