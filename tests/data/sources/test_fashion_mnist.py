"""Fashion-MNIST's files, on look-alikes; digits beside it, since they are as small."""

import gzip
import struct

import numpy as np
import pytest

from debruit.data.sources import fashion_mnist as module
from debruit.data.sources.digits import Digits
from debruit.data.sources.fashion_mnist import CLASSES, FashionMnist
from debruit.errors import InputError


def test_splits_labels_and_pixels(fashion_mnist):
    for split, count in (("train", 40), ("test", 20)):
        dataset = FashionMnist(split=split).build()
        expected = np.random.default_rng(count).integers(0, 256, (count, 28, 28), dtype=np.uint8)
        np.testing.assert_array_equal(dataset.images[:, 0], expected)
        assert dataset.spec.class_names == CLASSES
        assert dataset.labels is not None
        assert dataset.labels.tolist() == [n % 10 for n in range(count)]


def test_a_folder_of_the_user_and_files_without_gz(fashion_mnist, tmp_path):
    own = tmp_path / "own"
    own.mkdir()
    for path in fashion_mnist.iterdir():
        (own / path.stem).write_bytes(gzip.decompress(path.read_bytes()))
        path.unlink()
    assert len(FashionMnist(folder=str(own)).build()) == 40
    with pytest.raises(InputError, match=r"are not in .*nowhere"):
        FashionMnist(folder=str(tmp_path / "nowhere")).build()


def idx(magic: int, *sizes: int, data: bytes) -> bytes:
    return gzip.compress(struct.pack(f">{1 + len(sizes)}I", magic, *sizes) + data, mtime=0)


@pytest.mark.parametrize(
    ("kind", "content", "sentence"),
    [
        ("images-idx3", idx(2049, 40, 28, 28, data=bytes(40 * 784)), "begins with 2049 instead of 2051"),
        ("images-idx3", idx(2051, 40, 28, 28, data=bytes(100)), "is cut short"),
        ("images-idx3", idx(2051, 40, 28, 28, data=bytes(40 * 784))[:-30], "is damaged|is cut short"),
        ("images-idx3", idx(2051, 39, 28, 28, data=bytes(39 * 784)), "has 39 images and .* 40 labels"),
        ("images-idx3", b"no gzip", "is damaged"),
        ("labels-idx1", idx(2049, 40, data=bytes([17] * 40)), "labels of 0 to 17"),
        ("labels-idx1", idx(2049, 0, data=b""), "0 labels"),
    ],
)
def test_bad_files_end_in_a_sentence_and_leave_nothing(fashion_mnist, cache, kind, content, sentence):
    (fashion_mnist / f"train-{kind}-ubyte.gz").write_bytes(content)
    with pytest.raises(InputError, match=sentence):
        FashionMnist().build()
    assert not list(cache.glob("data/*"))


def test_check_knows_the_published_files_from_others(fashion_mnist, monkeypatch):
    with pytest.raises(InputError, match=r"is not the published file.*`debruit data get fashion-mnist`"):
        FashionMnist().check()
    hashes = {path.stem: module._digest(path) for path in fashion_mnist.iterdir()}
    monkeypatch.setattr(module, "SHA256", hashes)
    assert "checksums right" in FashionMnist().check()


def test_digits_are_those_of_scikit_learn():
    from sklearn.datasets import load_digits

    dataset = Digits().build()
    assert "1,797 images" in Digits().check()
    np.testing.assert_array_equal(np.rint(dataset.images[:, 0] * (16 / 255)), load_digits().images)
    assert dataset.labels is not None
    np.testing.assert_array_equal(dataset.labels, load_digits().target)
    assert dataset.images.max() == 255
