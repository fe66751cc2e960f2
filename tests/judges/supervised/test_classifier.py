"""The classifier of the user's labels: learns digits, says how well, is the same again, and is refused where it cannot
be."""

import numpy as np
import pytest
import torch

import judging
from debruit.data.dataset import Dataset
from debruit.data.sources.digits import Digits
from debruit.errors import InputError
from debruit.images.spec import DataSpec
from debruit.judges.extractor import Extractor
from debruit.judges.supervised import classifier as module
from debruit.judges.supervised import fitting
from debruit.judges.supervised.classifier import SIDE, ClassifierTask, classifier
from debruit.judges.supervised.classifier_network import Body
from debruit.judges.supervised.scaling import Scaling, input_shape


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("DEBRUIT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def made(count=60, classes=3, *, labels=None, size=20, channels=3, lettered=False, fingerprint="") -> Dataset:
    """Noise, brighter by class."""
    rng = np.random.default_rng(0)
    labels = np.arange(count) % classes if labels is None else np.asarray(labels)
    images = rng.integers(0, 60, (count, channels, size, size)) + 60 * labels[:, None, None, None]
    spec = DataSpec(
        name="made",
        channels=channels,
        height=size,
        width=size,
        depth="uint8",
        low=0,
        high=255,
        count=count,
        class_names=tuple("abcdefg"[: labels.max() + 1]),
        lettered=lettered,
        fingerprint=fingerprint,
    )
    return Dataset(spec, images.astype(np.uint8), paths=[str(n) for n in range(count)], labels=labels)


def test_it_learns_the_digits_and_says_how_well(cache):
    digits = Digits().build()
    with judging.lines() as heard:
        found = classifier(digits, task=ClassifierTask(images=12_000))
    assert isinstance(found, Extractor)
    assert (found.label, found.dimensions, found.held_out) == ("Classifier(digits)", 128, 180)
    assert found.accuracy > 0.93
    assert found.low < found.accuracy < found.high
    assert f"classifies {found.accuracy:.1%} of 180 held-out images correctly" in heard[-1]
    features = found(digits.batch(np.arange(300))["image"], digits.spec)
    logits = found.logits(features)
    assert features.shape == (300, 128)
    assert logits.shape == (300, 10)
    assert (logits.argmax(1) == digits.labels[:300]).mean() > 0.93
    state = torch.get_rng_state()
    again = classifier(digits, task=ClassifierTask(images=12_000))  # from the cache
    classifier(made(), task=ClassifierTask(images=256))
    np.testing.assert_array_equal(again.logits(features), logits)
    assert (again.fingerprint, again.accuracy) == (found.fingerprint, found.accuracy)
    assert torch.equal(torch.get_rng_state(), state)


def test_the_same_seed_gives_the_same_classifier_and_a_damaged_file_is_made_again(cache):
    data = made(fingerprint="made")
    first = classifier(data, task=ClassifierTask(images=256))
    (file,) = (cache / "judges").iterdir()
    file.write_bytes(file.read_bytes()[:-3])
    with judging.lines() as heard:
        again = classifier(data, task=ClassifierTask(images=256))
    assert any(" is damaged" in line for line in heard)
    assert again.fingerprint == first.fingerprint
    assert classifier(data, task=ClassifierTask(images=256), seed=1).fingerprint != first.fingerprint


def test_the_images_that_measure_it_are_not_those_that_train_it(monkeypatch):
    data, seen, asked = made(), [], []
    fit, batch = fitting.fit, data.batch
    monkeypatch.setattr(fitting, "fit", lambda t, d, indices, **o: seen.extend(indices) or fit(t, d, indices, **o))
    found = classifier(data, task=ClassifierTask(images=256))
    assert found.held_out == 6
    assert len(set(seen)) == 54
    monkeypatch.setattr(data, "batch", lambda i: asked.extend(i) or batch(i))
    module.count_hits(found, data, np.setdiff1d(np.arange(60), seen))
    assert not set(asked) & set(seen)


def test_labels_that_say_nothing_are_noticed():
    rng = np.random.default_rng(1)
    images = rng.integers(0, 255, (100, 1, 8, 8), dtype=np.uint8)
    data = made(100, 2, channels=1, size=8)
    data = Dataset(data.spec, images, paths=data.paths, labels=rng.integers(0, 2, 100))
    with judging.lines() as heard:
        classifier(data, task=ClassifierTask(images=256))
    assert "hardly better than guessing" in heard[-1]


@pytest.mark.parametrize(("side", "channels"), [((1, 1), 1), ((4, 4), 2), ((8, 3), 3), ((28, 28), 1), ((256, 100), 4)])
def test_images_of_any_size(side, channels):
    spec = DataSpec(name="x", channels=channels, height=side[0], width=side[1], depth="uint8", low=0, high=255, count=2)
    shape = input_shape(spec, SIDE)
    assert shape[0] in (1, 3)
    assert max(shape[1:]) <= 32
    x = Scaling(*shape)(torch.zeros(2, channels, *side, dtype=torch.uint8), spec)
    assert x.shape == (2, *shape)
    assert Body(*shape).eval()(x).shape == (2, 128)


def test_samples_of_other_channels_than_the_data_are_seen_too():
    found = classifier(made(channels=1), task=ClassifierTask(images=256))
    colour = made(channels=3)
    assert found(colour.batch([0, 1])["image"], colour.spec).shape == (2, 128)


def test_data_that_cannot_teach_it():
    unlabelled = Dataset(made().spec, made().images, paths=made().paths)
    with pytest.raises(InputError, match="made has no labels.*one subfolder per class.*efficientnet"):
        classifier(unlabelled)
    with pytest.raises(InputError, match="made has one class only"):
        classifier(made(labels=np.zeros(60, int)))
    with pytest.raises(InputError, match="5 images in 3 classes: a classifier needs at least two per class"):
        classifier(made(5, 3))


def test_no_group_is_on_both_sides(monkeypatch):
    data, seen = made(), []
    data.paths = tuple(f"p{n // 6}_{n}.png" for n in range(60))
    fit = fitting.fit
    monkeypatch.setattr(fitting, "fit", lambda t, d, indices, **o: seen.extend(indices) or fit(t, d, indices, **o))
    found = classifier(data, task=ClassifierTask(images=256), group=r"p(\d+)_")
    held = {*range(60)} - {*seen}
    assert len(held) == found.held_out == 6
    assert len({n // 6 for n in held}) == 1
