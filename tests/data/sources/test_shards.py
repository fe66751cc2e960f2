"""Tar shards: streamed from where they lie, with captions, labels and masks; cut, damaged, changed and misnamed
ones."""

import io
import json
import os
import pickle
import subprocess
import sys
import tarfile

import numpy as np
import pytest
import torch
from PIL import Image

from debruit import config
from debruit.data import find_source
from debruit.data.doctor.doctor import examine
from debruit.data.ingest.patterns import expanded
from debruit.data.sources.folder import Folder
from debruit.data.sources.shards import Shards
from debruit.data.sources.tar_index import read_shard
from debruit.errors import InputError
from debruit.files import blobs
from debruit.files.blobs import Stamp


def encoded(pixels: np.ndarray, kind: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind)
    return buffer.getvalue()


@pytest.fixture
def shard(tmp_path):
    """shard("a.tar", {"0001.jpg": bytes}): a tar file of these members, in this order."""

    def make(name: str, members: dict, folder: str = "shards"):
        path = tmp_path / folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with tarfile.open(path, "w") as tar:
            for inside, data in members.items():
                facts = tarfile.TarInfo(inside)
                facts.size = len(data)
                tar.addfile(facts, io.BytesIO(data))
        return path

    return make


@pytest.fixture
def shards(shard, noise):
    """shards(3, 4): three shards of four captioned images each; the folder that they are in."""

    def make(count: int, each: int, size=(8, 8), folder="shards", **more):
        for n in range(count):
            members = {}
            for k in range(each):
                key = f"{n:02d}{k:02d}"
                members |= {
                    f"{key}.png": encoded(noise(*size, seed=n * each + k)),
                    f"{key}.txt": f"caption {key}".encode(),
                }
                members |= {f"{key}.{kind}": make_one(n, k) for kind, make_one in more.items()}
            path = shard(f"s-{n:04d}.tar", members, folder)
        return path.parent

    return make


def test_they_give_what_a_folder_of_the_same_images_gives(shards, folder, noise):
    root = shards(3, 4, size=(20, 30))
    same = folder({f"{n:02d}{k:02d}.png": noise(20, 30, seed=n * 4 + k) for n in range(3) for k in range(4)})
    dataset, other = Shards(path=str(root), size=16).build(), Folder(path=str(same), size=16).build()
    np.testing.assert_array_equal(dataset.images[np.arange(12)], other.images)
    assert torch.equal(dataset.batch([7, 0, 11])["image"], other.batch([7, 0, 11])["image"])
    assert np.array_equal(np.concatenate(list(dataset.chunks(5))), other.images)
    assert dataset.spec.shape == other.spec.shape
    assert dataset.blocks == (4, 4, 4)
    assert other.blocks is None
    assert dataset.texts == tuple((f"caption {n:02d}{k:02d}",) for n in range(3) for k in range(4))
    assert dataset.images.nbytes == other.images.nbytes
    assert len(list(dataset)) == 12


def test_nothing_is_copied_into_the_cache_and_the_index_is_found_again(shards, cache, monkeypatch):
    from debruit.data.sources import shards as module

    root = shards(2, 3, size=(64, 64))
    first = Shards(path=str(root)).build()
    assert sum(path.stat().st_size for path in (cache / "data").rglob("*.*")) < 3000
    monkeypatch.setattr(module, "read_shard", lambda path: pytest.fail("it was indexed again"))
    again = Shards(path=str(root)).build()
    assert again.spec == first.spec
    assert torch.equal(again[4]["image"], first[4]["image"])


def test_every_member_of_a_key_is_used(shard, noise, heard):
    mask = np.arange(64, dtype=np.uint8).reshape(8, 8) // 32
    picture = encoded(noise(8, 8))
    path = shard(
        "a.tar",
        {
            "./x/0.cls": b"1",
            "./x/0.json": json.dumps({"caption": "in json", "x": 3}).encode(),
            "./x/0.mask.png": encoded(mask),
            "./x/0.png": picture,
            "x/1.json": json.dumps({"label": 0, "text": ["one", "two"]}).encode(),
            "x/1.seg.png": encoded(1 - mask),
            "x/1.webp": encoded(noise(8, 8), "WEBP"),
            "x/2.jpg": encoded(noise(8, 8), "JPEG"),
            "x/2.txt": b"three\nfour",
            "x/2.json": b"{broken",
            "x/2.cls": b"1",
            "x/2.segmentation.png": encoded(mask),
            "x/3.png": picture,
            "x/3.mask.png": encoded(mask),
            "x/4.png": picture,
            "x/4.cls": b"0",
            "x/5.txt": b"alone",
            ".hidden.png": picture,
        },
    )
    dataset = Shards(path=str(path)).build()
    assert dataset.paths == ("a.tar/x/0", "a.tar/x/1", "a.tar/x/2")
    assert dataset.texts == (("in json",), ("one", "two"), ("three", "four"))
    assert dataset.labels is not None
    assert dataset.labels.tolist() == [1, 0, 1]
    assert dataset.spec.class_names == ("0", "1")
    np.testing.assert_array_equal(dataset.batch([2, 1])["mask"].numpy(), np.stack([mask, 1 - mask]))
    for line in (
        "skipped a.tar/x/3: no label, and the other images have one",
        "skipped a.tar/x/4: it has no mask (key.mask.png)",
        "skipped a.tar/x/5: no image of this key (key.jpg, key.png, key.webp ...)",
    ):
        assert line in heard
    assert dataset.spec.mask_names == ("class 0", "class 1")


def test_names_of_classes_beside_the_shards_and_folders_inside_of_them(shard, noise):
    picture = encoded(noise(8, 8))
    path = shard("a.tar", {"0.png": picture, "0.cls": b"1", "1.png": picture, "1.cls": b"0"})
    (path.parent / "classes.json").write_text('["cat", "dog"]')
    assert Shards(path=str(path)).build().spec.class_names == ("cat", "dog")
    (path.parent / "classes.json").unlink()
    inside = shard("b.tar", {"top/cat/0.png": picture, "top/dog/0.png": picture}, "inside")
    dataset = Shards(path=str(inside)).build()
    assert dataset.spec.class_names == ("cat", "dog")
    assert dataset.labels is not None
    assert dataset.labels.tolist() == [0, 1]


@pytest.mark.parametrize("cut", ["in an image", "in a header", "between members", "in the end"])
def test_a_shard_that_was_cut_is_used_up_to_the_cut(shards, cut, heard):
    root = shards(2, 6, size=(40, 40))
    path = root / "s-0001.tar"
    with tarfile.open(path) as tar:
        members = {member.name: member for member in tar}
    at = {
        "in an image": members["0103.png"].offset_data + 900,
        "in a header": members["0103.png"].offset + 100,
        "between members": members["0103.png"].offset,
        "in the end": members["0105.txt"].offset_data + 512,
    }[cut]
    os.truncate(path, at)
    kept = 6 if cut == "in the end" else 3
    dataset = Shards(path=str(root)).build()
    assert len(dataset) == 6 + kept
    assert dataset.blocks == (6, kept)
    [line] = [line for line in heard if line.startswith("skipped s-0001.tar:")]
    assert f"its {kept} items before that are used, the others are lost" in line
    assert ("cut" in line) or ("damaged after" in line)
    found = examine(Shards(path=str(root)))
    assert "1 shard damaged: s-0001.tar; the members after the damage are lost" in found.findings
    assert not any("left out" in line for line in found.findings)


@pytest.mark.parametrize("junk", [b"\xff" * 512, b"\0" * 511 + b"x"])
def test_a_damaged_header_between_good_ones_is_reported(shards, junk, heard):
    root = shards(2, 6)
    path = root / "s-0001.tar"
    with tarfile.open(path) as tar:
        at = tar.getmember("0103.png").offset
    whole = path.read_bytes()
    path.write_bytes(whole[:at] + junk + whole[at + 512 :])
    assert len(Shards(path=str(root)).build()) == 9
    [line] = [line for line in heard if line.startswith("skipped s-0001.tar:")]
    assert f"damaged after {at:,} of {len(whole):,} bytes (no header of a member is there)" in line
    assert (
        "1 shard damaged: s-0001.tar; the members after the damage are lost" in examine(Shards(path=str(root))).findings
    )
    assert not read_shard(root / "s-0000.tar").damage


def test_a_broken_member_is_found_at_indexing(shard, noise, heard):
    good = encoded(noise(64, 64))
    path = shard("a.tar", {"0.png": good, "1.png": good[:3000], "2.png": b"", "3.png": b"junk", "4.png": good})
    dataset = Shards(path=str(path), size=16).build()
    assert dataset.paths == ("a.tar/0", "a.tar/4")
    text = "\n".join(heard)
    for line in ("skipped a.tar/1: ", "skipped a.tar/2: zero bytes", "skipped a.tar/3: damaged"):
        assert line in text
    assert torch.equal(dataset[0]["image"], dataset[1]["image"])


@pytest.mark.parametrize(
    "how", ["written over", "shortened", "removed", "copied with its time", "moved there with its time"]
)
def test_a_shard_that_changes_under_a_training_ends_it_with_a_sentence(shards, how):
    root = shards(2, 3)
    dataset = Shards(path=str(root)).build()
    path = root / "s-0001.tar"
    if how == "removed":
        path.unlink()
    elif how.endswith("with its time"):  # as cp -p does, and mv
        times, data = path.stat(), path.read_bytes()
        target = path if how.startswith("copied") else path.with_suffix(".new")
        target.write_bytes(data)
        os.utime(target, ns=(times.st_atime_ns, times.st_mtime_ns))
        target.replace(path)
    else:
        data = path.read_bytes()
        path.write_bytes(data[:-512] if how == "shortened" else data)
        os.utime(path, ns=(1, 1))
    assert dataset[0]["image"].shape == (3, 8, 8)
    with pytest.raises(
        InputError, match=r"the shard .*s-0001.tar has changed since it was indexed .*: put the old file back, or start"
    ):
        dataset.batch([0, 4])


def test_an_image_that_cannot_be_read_any_more_ends_the_training(shards, monkeypatch):
    """The disk gave other bytes than at indexing, behind an unchanged stamp."""
    root = shards(1, 2, size=(64, 64))
    dataset, path = Shards(path=str(root)).build(), root / "s-0000.tar"
    before = path.stat()
    data = bytearray(path.read_bytes())
    with tarfile.open(path) as tar:
        start = tar.getmember("0001.png").offset_data
    data[start : start + 40] = bytes(40)
    path.write_bytes(data)
    monkeypatch.setattr(blobs, "stamp_of", lambda path: Stamp.of(before))
    assert dataset[0]["image"].shape == (3, 64, 64)
    with pytest.raises(
        InputError, match=rf"the image at byte {start:,} of .*s-0000.tar cannot be read any more \(damaged"
    ):
        dataset[1]


def test_depths_and_their_range(shard, noise):
    deep = encoded(noise(8, 8, 1, "uint16") % 4096)
    dataset = Shards(path=str(shard("a.tar", {"0.png": deep, "1.png": deep}))).build()
    assert (dataset.spec.depth, dataset.spec.high, dataset.spec.channels) == ("uint16", 4095, 1)
    assert dataset.batch([1])["image"].dtype == torch.uint16


def test_another_process_opens_the_same_shards(shards):
    dataset = Shards(path=str(shards(2, 3))).build()
    copy = pickle.loads(pickle.dumps(dataset))
    assert copy.blocks == dataset.blocks
    assert torch.equal(copy[5]["image"], dataset[5]["image"])


def test_names_that_mean_shards(shards, tmp_path, monkeypatch):
    root = shards(3, 2)
    every = [str(root), str(root / "s-{0000..0002}.tar"), str(root / "s-*.tar"), str(root / "s-000{0,1,2}.tar")]
    for text in every:
        source = find_source(text)
        assert isinstance(source, Shards), text
        assert config.decode(config.encode(source), type(source)) == source
        assert source.build().blocks == (2, 2, 2)
    assert find_source(str(root / "s-0001.tar")).build().paths == ("s-0001.tar/0100", "s-0001.tar/0101")
    monkeypatch.chdir(tmp_path)
    assert len(find_source("shards/s-{0001..0002}.tar").build()) == 4
    assert find_source("shards").with_conditions(("text",)) == Shards(path=str(root))


def test_braces():
    assert expanded("a.tar") == ["a.tar"]
    assert expanded("a-{08..11}.tar") == ["a-08.tar", "a-09.tar", "a-10.tar", "a-11.tar"]
    assert expanded("{x,y}/{0..1}.tar") == ["x/0.tar", "x/1.tar", "y/0.tar", "y/1.tar"]
    for wrong in ("a-{0..", "a-{3..1}.tar", "a-{}.tar", "a-{x..y}.tar"):
        with pytest.raises(InputError, match="is no pattern of shards: write a range as shards-{0000..0009}.tar"):
            expanded(wrong)


def test_shards_that_are_not_there_or_hold_nothing(shards, shard, tmp_path):
    root = shards(2, 2)
    cases = {
        root
        / "s-{0000..0002}.tar": r"of the shards .*s-{0000..0002}.tar .*s-0002.tar is not there: check the path and the "
        r"range",
        root / "x-*.tar": r"there is no shard .*x-\*.tar: check the path",
        root / "s-0000.tar.gz": "is compressed, and images are read from anywhere in a shard: unpack it",
        shard(
            "empty.tar", {}, "a"
        ): "none of the 1 images in .*empty.tar can be read .*no member with a key and an extension",
        shard(
            "text.tar", {"0.txt": b"x"}, "b"
        ): "none of the 1 images in .*text.tar can be read .*no image of this key",
    }
    for path, sentence in cases.items():
        with pytest.raises(InputError, match=sentence):
            find_source(str(path)).build()
    for content, sentence in ((b"", "zero bytes"), (b"no tar" * 500, "no tar file, or damaged")):
        (tmp_path / "no.tar").write_bytes(content)
        with pytest.raises(InputError, match=rf"none of the 1 images .*\(the first, no.tar: {sentence}"):
            Shards(path=str(tmp_path / "no.tar")).build()
    (tmp_path / "nothing").mkdir()
    with pytest.raises(InputError, match="there is no .tar file in .*nothing: give a folder of shards, or a shard"):
        Shards(path=str(tmp_path / "nothing")).build()


def test_long_names_and_an_unfinished_writer(shard, noise, tmp_path):
    key = "long/" * 40 + "name"
    path = shard("a.tar", {f"{key}.png": encoded(noise(8, 8)), f"{key}.txt": b"far down"})
    found = read_shard(path)
    assert (found.samples[0].key, found.samples[0].texts, found.damage) == (key, ["far down"], "")


MEMORY = """
import resource, sys
from debruit.data.sources.shards import Shards
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
list(Shards(path=sys.argv[2]).build().chunks())
start = peak()
dataset = Shards(path=sys.argv[1], size=192).build()
total = sum(int(chunk.sum()) for chunk in dataset.chunks(32))
print(dataset.images.nbytes / 2**20, peak() - start, total)
"""


def test_memory_stays_bounded(shard, noise):
    """A child process indexes and reads 63 MB, and grows by a third of that at most."""
    kinds = [encoded(np.full((192, 192, 3), n, np.uint8)) for n in range(8)]
    path = shard("big.tar", {f"{n:04d}.png": kinds[n % 8] for n in range(600)})
    small = shard("small.tar", {"a.png": encoded(noise(8, 8))})
    done = subprocess.run(
        [sys.executable, "-c", MEMORY, f"{path.parent}/big*.tar", small], capture_output=True, text=True
    )
    assert not done.returncode, done.stderr
    size, growth, total = map(float, done.stdout.split())
    assert size > 60
    assert growth < size / 3
    assert total == sum(192 * 192 * 3 * (n % 8) for n in range(600))
