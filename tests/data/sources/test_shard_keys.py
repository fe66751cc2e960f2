"""Tar shards as other programs write them: keys that come twice, apart or with dots, other encodings, links, hidden
members, several tars in one."""

import gzip
import io
import json
import tarfile

import numpy as np
import pytest
from PIL import Image

from debruit.data import find_source
from debruit.data.sources.shards import Shards
from debruit.data.sources.tar_index import read_shard
from debruit.errors import InputError


def picture(value: int) -> bytes:
    """An image all of whose pixels have this value."""
    buffer = io.BytesIO()
    Image.fromarray(np.full((8, 8, 3), value, np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


def packed(members: list[tuple[str, bytes] | tarfile.TarInfo]) -> bytes:
    """A tar file of these members, in this order, names as often as they come."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                tar.addfile(member)
                continue
            facts = tarfile.TarInfo(member[0])
            facts.size = len(member[1])
            tar.addfile(facts, io.BytesIO(member[1]))
    return buffer.getvalue()


def link(name: str, target: str, kind: bytes) -> tarfile.TarInfo:
    facts = tarfile.TarInfo(name)
    facts.type, facts.linkname = kind, target
    return facts


@pytest.fixture
def built(tmp_path, heard):
    """built([members], [members]): what the shards 0.tar, 1.tar hold, as {name: (value of the image, captions)}."""

    def build(*shards):
        root = tmp_path / "shards"
        root.mkdir(exist_ok=True)
        for n, members in enumerate(shards):
            (root / f"{n}.tar").write_bytes(members if isinstance(members, bytes) else packed(members))
        dataset = Shards(path=str(root)).build()
        values = [int(dataset.images_of([n]).flatten()[0]) for n in range(len(dataset))]
        texts = dataset.texts or [()] * len(dataset)
        return {name: pair for name, *pair in zip(dataset.paths, values, texts, strict=True)}

    return build


def one(value: int, key: str = "a") -> list:
    return [(f"{key}.png", picture(value)), (f"{key}.txt", f"is {value}".encode())]


def test_a_key_that_comes_twice_is_two_images_each_with_its_caption(built, heard):
    found = built([*one(1), *one(2, "b"), *one(3)])
    assert found == {"0.tar/a": [1, ("is 1",)], "0.tar/a (2)": [3, ("is 3",)], "0.tar/b": [2, ("is 2",)]}
    assert "keys that occur more than once in a shard, each an image of its own: 1 (0.tar/a)" in heard
    heard.clear()
    assert built([*one(1), *one(3), ("a (2).png", picture(9))]) == {
        "0.tar/a": [1, ("is 1",)],
        "0.tar/a (3)": [3, ("is 3",)],
        "0.tar/a (2)": [9, ()],
    }


def test_a_caption_that_may_be_of_either_is_of_none(built, heard):
    found = built([("a.png", picture(1)), ("a.png", picture(2)), ("a.txt", b"is?"), *one(5, "b")])
    assert found == {"0.tar/a": [1, ()], "0.tar/a (2)": [2, ()], "0.tar/b": [5, ("is 5",)]}
    assert "not used, of which of several images of a key they are cannot be told: 1 (0.tar/a.txt)" in heard
    found = built([("a.txt", b"is?"), ("b.png", picture(5)), *one(1), ("b.txt", b"is 5"), ("a.png", picture(2))])
    assert found == {"0.tar/a": [1, ("is 1",)], "0.tar/a (2)": [2, ()], "0.tar/b": [5, ("is 5",)]}


def test_members_that_lie_apart_are_put_together(built, heard):
    images, texts = zip(*(one(n, str(n)) for n in range(3)), strict=True)
    found = built([*images, *texts])
    assert found == {f"0.tar/{n}": [n, (f"is {n}",)] for n in range(3)}
    assert "keys whose members lie apart, put together: 3 (0.tar/0, 0.tar/1, 0.tar/2)" in heard


def test_the_same_keys_in_several_shards(built, heard):
    found = built(one(1), one(2))
    assert found == {"0.tar/a": [1, ("is 1",)], "1.tar/a": [2, ("is 2",)]}
    assert "keys that are the same in several shards, each an image of its own: 1 (a)" in heard


def test_keys_with_dots(built, heard):
    found = built(
        [
            *one(1, "2021.01"),
            *one(2, "2021.02"),
            ("2021.txt", b"of which"),
            ("c.rgb.png", picture(3)),
            ("c.txt", b"is 3"),
            *one(4, "d"),
            ("d.thumb.png", picture(5)),
            ("d.en.txt", b"in English"),
        ]
    )
    assert found == {
        "0.tar/2021.01": [1, ("is 1",)],
        "0.tar/2021.02": [2, ("is 2",)],
        "0.tar/c": [3, ("is 3",)],
        "0.tar/d": [4, ("is 4",)],
    }
    for line in (
        "keys that differ only behind their first dot, each an image of its own: 1 (0.tar/2021)",
        "not used, of which of several images of a key they are cannot be told: 1 (0.tar/2021.txt)",
        "not used, further images of a key: 1 (0.tar/d.thumb.png)",
        "not used, members .en.txt: 1 (0.tar/d.en.txt)",
    ):
        assert line in heard


def test_several_views_in_every_key_are_refused_by_their_names(built):
    views = [(f"{key}.{view}.png", picture(n)) for n, key in enumerate("ab") for view in ("rgb", "depth")]
    with pytest.raises(
        InputError,
        match=r"0.tar: its keys hold several images each \(depth, rgb\), and which one to train on is not clear",
    ):
        built(views)
    frames = [(f"{key}.{n:04d}.png", picture(n)) for key in "ab" for n in range(2)]
    assert len(built(frames)) == 4


def test_captions_in_other_encodings(built, heard):
    found = built(
        [
            ("a.png", picture(1)),
            ("a.txt", "café".encode("latin-1")),
            ("b.png", picture(2)),
            ("b.txt", "café".encode("utf-16")),
            ("c.png", picture(3)),
            ("c.json", json.dumps({"caption": "café"}, ensure_ascii=False).encode("utf-8-sig")),
            ("d.png", picture(4)),
            ("d.json", b'{"caption": "caf\xe9"}'),
            ("e.png", picture(5)),
            ("e.json", b"{broken"),
            ("f.png", picture(6)),
            ("f.txt", b"0 0.5 0.5 0.1 0.1"),
            ("g.png", picture(7)),
            ("g.json", b'{"caption": {"en": "x"}}'),
        ]
    )
    assert [texts for _, texts in found.values()] == [(), ("café",), ("café",), (), (), (), ()]
    for line in (
        "not used, no UTF-8 text: 2 (0.tar/a.txt, 0.tar/d.json)",
        "not used, damaged JSON: 1 (0.tar/e.json)",
        "boxes or numbers, no captions: 1 (0.tar/f.txt)",
        "captions in .json that are neither a text nor a list of texts (caption): 1 (0.tar/g.json)",
        "captions for 2 of 7 images, for the others the caption is none: a prompt will have little effect; caption "
        "them, or move the images without a "
        "caption elsewhere",
    ):
        assert line in heard


def test_hidden_members_folders_and_members_of_other_kinds(built, heard):
    folder = tarfile.TarInfo("x")
    folder.type = tarfile.DIRTYPE
    found = built(
        [
            folder,
            *one(1, "x/a"),
            ("x/._a.png", b"AppleDouble"),
            ("._a.png", b"AppleDouble"),
            (".git/b.png", picture(2)),
            ("__MACOSX/c.png", picture(3)),
            ("x/a.npy", b"1"),
            ("x/a", b"2"),
        ]
    )
    assert found == {"0.tar/x/a": [1, ("is 1",)]}
    assert "not used, hidden members: 2 (0.tar/.git/b.png, 0.tar/__MACOSX/c.png)" in heard
    assert "not used, members .npy: 1 (0.tar/x/a.npy)" in heard
    assert "not used, members without an extension: 1 (0.tar/x/a)" in heard


def test_links_inside_of_a_shard_lead_to_their_member(built, heard):
    found = built(
        [
            link("y/c.png", "../x/a.png", tarfile.SYMTYPE),
            *one(1, "x/a"),
            link("x/b.png", "x/a.png", tarfile.LNKTYPE),
            ("x/b.txt", b"again"),
            link("x/d.png", "nothing.png", tarfile.LNKTYPE),
            link("x/e.png", "/etc/passwd", tarfile.SYMTYPE),
        ]
    )
    assert found == {"0.tar/y/c": [1, ()], "0.tar/x/a": [1, ("is 1",)], "0.tar/x/b": [1, ("again",)]}
    assert "not used, links to nothing in the shard: 2 (0.tar/x/d.png, 0.tar/x/e.png)" in heard


def test_tar_files_behind_each_other_are_all_read(built, heard):
    found = built(packed(one(1)) + packed(one(2, "b")) + packed([*one(3), *one(4, "c")]))
    assert found == {
        "0.tar/a": [1, ("is 1",)],
        "0.tar/a (2)": [3, ("is 3",)],
        "0.tar/b": [2, ("is 2",)],
        "0.tar/c": [4, ("is 4",)],
    }
    assert "several tar files in one, all of which are read (3): 1 (0.tar)" in heard


def test_a_second_tar_that_was_cut_is_reported(tmp_path):
    whole = packed(one(1))
    (tmp_path / "a.tar").write_bytes(whole + packed([*one(2, "b"), ("c.png", bytes(5000))])[:3000])
    found = read_shard(tmp_path / "a.tar")
    assert [sample.key for sample in found.samples] == ["a", "b"]
    assert found.damage == "cut inside of c.png"
    (tmp_path / "b.tar").write_bytes(whole + b"junk" * 512)
    assert read_shard(tmp_path / "b.tar").damage.startswith("damaged after 2,048 of")


def test_compressed_shards_are_named(built, tmp_path, heard):
    built(one(1))
    (tmp_path / "shards" / "1.tar.gz").write_bytes(gzip.compress(packed(one(2))))
    (tmp_path / "shards" / "2.tar").write_bytes(gzip.compress(packed(one(3))))
    heard.clear()
    assert len(Shards(path=str(tmp_path / "shards")).build()) == 1
    text = "\n".join(heard)
    assert "not used, 1 compressed shard: 1.tar.gz; images are read from anywhere in a shard: unpack them" in text
    assert "skipped 2.tar: it is compressed (gzip), and images are read from anywhere in a shard: unpack it" in text
    (tmp_path / "packed").mkdir()
    (tmp_path / "packed" / "1.tar.zst").write_bytes(b"\x28\xb5\x2f\xfd")
    with pytest.raises(InputError, match=r"holds no plain .tar file; not used, 1 compressed shard: 1.tar.zst"):
        find_source(str(tmp_path / "packed")).build()


@pytest.mark.parametrize(
    ("facts", "label", "said"),
    [
        ({"label": 1.0}, 1, ""),
        ({"label": True}, "True", ""),
        ({"label": [1]}, 1, ""),
        ({"label": "cat"}, "cat", ""),
        ({"label": "007"}, "007", ""),
        ({"label": -1}, None, ""),
        ({"label": 0.5}, None, "a fraction"),
        ({"label": [0, 1]}, None, "several labels"),
        ({"label": {"id": 1}}, None, "neither a number nor a name"),
    ],
)
def test_labels_in_json_of_any_type_are_read_or_named(tmp_path, facts, label, said):
    (tmp_path / "a.tar").write_bytes(packed([("a.png", picture(1)), ("a.json", json.dumps(facts).encode())]))
    found = read_shard(tmp_path / "a.tar")
    assert found.samples[0].label == label
    assert found.notes == (((f"labels in .json that cannot be read ({said})", "a.json"),) if said else ())


def test_names_of_classes_beside_shards(tmp_path, heard):
    (tmp_path / "a.tar").write_bytes(packed([("n01/0.png", picture(1)), ("n02/1.png", picture(2))]))
    (tmp_path / "class_names.txt").write_bytes("n01 tench, Tinca tinca\nn02 goldfish\n".encode("utf-16"))
    assert Shards(path=str(tmp_path)).build().spec.class_names == ("tench", "goldfish")
    (tmp_path / "a.tar").write_bytes(
        packed([("0.png", picture(1)), ("0.cls", b"n02"), ("1.png", picture(2)), ("1.cls", b"n01")])
    )
    dataset = Shards(path=str(tmp_path)).build()
    assert dataset.spec.class_names == ("tench", "goldfish")
    assert dataset.labels is not None
    assert dataset.labels.tolist() == [1, 0]


def test_files_beside_shards_that_are_not_read_are_counted(built, tmp_path, heard):
    (tmp_path / "shards").mkdir()
    for name in ("captions.csv", "a.json", "b.json", "README.txt", "classes.json", "x.parquet"):
        (tmp_path / "shards" / name).write_text('["cat"]' if name == "classes.json" else "x")
    built(one(1))
    assert (
        "not used, files next to the .tar files: 1 .csv, 2 .json, 1 .parquet; captions and labels are read from inside "
        "of them" in heard
    )


def test_files_beside_shards_are_told_as_they_are_here_and_now(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "0.tar").write_bytes(packed([("0.png", picture(1))]))
    beside = tmp_path / "a" / "x.csv"
    beside.write_text("x")

    def told(name):
        return [note for note in Shards(path=str(tmp_path / name)).build().notes if "files next to" in note]

    assert len(told("a")) == 1
    assert told("b") == []
    beside.unlink()
    assert told("a") == []
