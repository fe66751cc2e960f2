"""Cached features: an image's are computed once, whatever it is asked for with; never another network's or other
images'; whole or made again."""

from dataclasses import replace

import numpy as np
import pytest
import torch

import judging
from debruit.data.dataset import Dataset
from debruit.data.sources.digits import Digits
from debruit.errors import InputError
from debruit.files.store import Store, read_value, write_value
from debruit.images.spec import DataSpec
from debruit.judges import feature_cache as store
from debruit.judges.feature_cache import reference_features


class Counting:
    """Mean and spread of an image; counts what it was given."""

    label, dimensions = "Counting", 2

    def __init__(self, fingerprint: str = "f") -> None:
        self.fingerprint, self.seen = fingerprint, 0

    def __call__(self, images: torch.Tensor, spec: DataSpec) -> np.ndarray:
        self.seen += len(images)
        x = images.float().flatten(1)
        return torch.stack([x.mean(1), x.std(1)], dim=1).numpy()


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("DEBRUIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(store, "PIECE", 40)
    return tmp_path / "cache"


@pytest.fixture
def digits() -> Dataset:
    return Digits().build()


def files(cache):
    return sorted((cache / "features").glob("*/*"))


def test_features_come_in_the_order_of_the_indices_and_are_computed_once(digits, cache):
    extractor, indices = Counting(), np.random.default_rng(0).permutation(100)
    found = reference_features(digits, indices, extractor, batch=16)
    expected = np.stack(
        [digits.images[indices].mean(axis=(1, 2, 3)), digits.images[indices].std(axis=(1, 2, 3), ddof=1)], axis=1
    )
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    assert found.dtype == np.float32
    assert len(files(cache)) == 3
    np.testing.assert_array_equal(reference_features(digits, indices, extractor), found)
    assert extractor.seen == 100


def fresh(digits, indices):
    """Their features, computed here and now."""
    return Counting()(digits.batch(np.asarray(indices))["image"], digits.spec)


def test_another_network_and_other_data_are_other_features(digits):
    reference_features(digits, range(30), Counting("a"))
    other = Counting("b")
    reference_features(digits, range(30), other)
    assert other.seen == 30
    flipped = Dataset(replace(digits.spec, fingerprint="other"), digits.images[::-1], paths=digits.paths)
    found = reference_features(flipped, range(30), other)
    assert other.seen == 60
    np.testing.assert_allclose(found, fresh(flipped, range(30)), rtol=1e-6)


def test_only_images_that_were_never_requested_are_computed(digits):
    extractor = Counting()
    asked = [
        (range(30), 30),
        (range(29, -1, -1), 0),
        (range(31), 1),
        ([500, 3, 500, 20, 3], 1),
        (np.random.default_rng(1).permutation(600), 600 - 32),
        (range(100, 700, 7), len(range(602, 700, 7))),
    ]
    for indices, new in asked:
        before = extractor.seen
        found = reference_features(digits, indices, extractor)
        assert extractor.seen - before == new
        np.testing.assert_allclose(found, fresh(digits, indices), rtol=1e-6)


def test_only_pieces_that_hold_requested_images_are_read(digits, monkeypatch):
    reference_features(digits, range(200), Counting())
    opened = []
    monkeypatch.setattr(Store, "get", lambda s, name, real=Store.get: opened.append(name) or real(s, name))
    reference_features(digits, range(45, 75), Counting())
    assert len(opened) == 1
    reference_features(digits, [0, 199], Counting())
    assert len(opened) == 3


def test_two_pieces_that_hold_the_same_image_are_no_trouble(digits, cache):
    """As two commands at once leave them."""
    reference_features(digits, range(30), Counting())
    kept = files(cache)[0]
    aside = kept.rename(cache / "aside")
    reference_features(digits, range(20, 40), Counting())
    aside.rename(kept)
    extractor = Counting()
    found = reference_features(digits, range(40), extractor)
    assert extractor.seen == 0
    np.testing.assert_allclose(found, fresh(digits, range(40)), rtol=1e-6)


def flip_a_byte(path):
    content = bytearray(path.read_bytes())
    content[-5] ^= 1
    path.write_bytes(content)


def cut_short(path):
    path.write_bytes(path.read_bytes()[:-9])


def another_index(path):
    """Says to hold image 0 or 1 in place of its first."""
    content = bytearray(path.read_bytes())
    start = 8 + int.from_bytes(content[:8], "little")
    assert np.frombuffer(content[start : start + 16], np.int64).tolist() in [[k, k + 1] for k in (0, 40, 80)]
    content[start] = 1 if content[start] == 0 else 0
    path.write_bytes(content)


def another_shape(path):
    value = read_value(path)
    write_value(path, value | {"features": value["features"][:, :1]})


def foreign(path):
    path.write_bytes(b"something else")


@pytest.mark.parametrize("damage", [flip_a_byte, cut_short, another_index, another_shape, foreign])
def test_a_damaged_file_is_reported_and_made_again_and_costs_only_itself(digits, cache, damage):
    extractor = Counting()
    found = reference_features(digits, range(100), extractor)
    damage(files(cache)[1])
    with judging.lines() as heard:
        again = reference_features(digits, range(100), extractor)
    np.testing.assert_array_equal(again, found)
    assert sum(" is damaged" in line and "made again" in line for line in heard) == 1
    assert extractor.seen - 100 in (40, 20)
    assert len(files(cache)) == 3
    with judging.lines() as heard:
        reference_features(digits, range(100), extractor)
    assert heard == []
    assert extractor.seen - 100 in (40, 20)


def test_an_interrupted_computation_goes_on_where_it_was(digits):
    class Interrupted(Counting):
        def __call__(self, images, spec):
            if self.seen >= 80:
                raise KeyboardInterrupt
            return super().__call__(images, spec)

    with pytest.raises(KeyboardInterrupt):
        reference_features(digits, range(100), Interrupted(), batch=10)
    extractor = Counting()
    reference_features(digits, range(100), extractor)
    assert extractor.seen == 20


def test_progress_with_the_time_that_is_left(digits, monkeypatch):
    monkeypatch.setattr(store, "PROGRESS_SECONDS", -1)
    with judging.lines() as heard:
        reference_features(digits, range(100), Counting(), batch=50)
    assert heard[0].startswith("Counting features of 40 of 100 images, ")
    assert heard[0].endswith(" min left")
    assert not any("100 of 100" in line for line in heard)


def test_a_cache_that_cannot_be_written_costs_nothing_but_the_cache(digits, cache):
    (cache / "features").write_text("in the way")
    with judging.lines() as heard:
        found = reference_features(digits, range(50), Counting())
    assert found.shape == (50, 2)
    assert any(line.startswith("not saved for next time: ") for line in heard)


def test_data_without_a_fingerprint_is_not_cached(cache):
    images = np.arange(4 * 16, dtype=np.uint8).reshape(4, 1, 4, 4)
    spec = DataSpec(name="own", channels=1, height=4, width=4, depth="uint8", low=0, high=255, count=4)
    found = reference_features(Dataset(spec, images, paths=list("abcd")), [3, 0], Counting())
    np.testing.assert_allclose(found[:, 0], [55.5, 7.5])
    assert not (cache / "features").exists()


def test_images_that_are_not_there(digits):
    with pytest.raises(InputError, match="features of no images"):
        reference_features(digits, [], Counting())
    with pytest.raises(InputError, match="image 1797 was requested, and digits has 0 to 1796"):
        reference_features(digits, [0, 1797], Counting())
    with pytest.raises(InputError, match="image -1 was requested"):
        reference_features(digits, [0, -1], Counting())
