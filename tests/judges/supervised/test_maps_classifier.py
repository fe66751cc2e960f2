"""The classifier on statistics of maps: when it is chosen, that it learns, and that it is the same again."""

import numpy as np
import pytest
import torch
from torch import Tensor

import judging
from debruit.data.dataset import Dataset
from debruit.images.spec import DataSpec
from debruit.judges.extractor import Extractor
from debruit.judges.supervised import classifier as module
from debruit.judges.supervised import maps_classifier as maps
from debruit.judges.supervised.classifier import Classifier, ClassifierTask, classifier
from debruit.judges.supervised.maps_classifier import DIMENSIONS, MapsClassifier, suits


class Statistics:
    """Mean and deviation of each channel; `seen` collects what was asked for."""

    label, dimensions, fingerprint = "statistics", 6, "statistics"

    def __init__(self) -> None:
        self.seen = 0

    def __call__(self, images: Tensor, spec: DataSpec) -> np.ndarray:
        self.seen += len(images)
        x = images.float()
        return torch.cat([x.mean(dim=(2, 3)), x.std(dim=(2, 3))], dim=1).numpy()


@pytest.fixture(autouse=True)
def statistics(tmp_path, monkeypatch):
    monkeypatch.setenv("DEBRUIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(maps, "LEAST", 100)
    monkeypatch.setattr(maps, "installed", lambda: True)
    monkeypatch.setattr(maps.MapsTask, "batch", 16)
    extractor = Statistics()
    monkeypatch.setattr(module, "map_statistics", lambda **_: extractor)
    return extractor


def made(count=400, channels=3, fingerprint="") -> Dataset:
    """Noise of two strengths around the same grey, by class."""
    rng = np.random.default_rng(0)
    labels = np.arange(count) % 2
    images = 128 + rng.normal(size=(count, channels, 12, 12)) * (10 + 30 * labels[:, None, None, None])
    spec = DataSpec(
        name="made",
        channels=channels,
        height=12,
        width=12,
        depth="uint8",
        low=0,
        high=255,
        count=count,
        class_names=("faint", "strong"),
        fingerprint=fingerprint,
    )
    paths = [f"p{n // 10}_{n}" for n in range(count)]
    return Dataset(spec, images.clip(0, 255).astype(np.uint8), paths=paths, labels=labels)


def test_it_learns_from_statistics_and_says_how_well(statistics):
    data = made()
    with judging.lines() as heard:
        found = classifier(data)
    assert isinstance(found, MapsClassifier)
    assert isinstance(found, Extractor)
    assert (found.names, found.held_out) == (("faint", "strong"), 40)
    assert found.low < found.accuracy <= found.high
    assert found.accuracy > 0.95
    assert f"classifies {found.accuracy:.1%} of 40 held-out images correctly" in heard[-1]
    features = found(data.images_of([0, 1, 2]), data.spec)
    assert features.shape == (3, DIMENSIONS)
    np.testing.assert_array_equal(found.logits(features).argmax(axis=1), [0, 1, 0])


def test_it_is_the_same_again_and_its_statistics_are_computed_once(statistics):
    data, state = made(fingerprint="made"), torch.get_rng_state()
    first = classifier(data)
    assert statistics.seen == len(data)
    again = classifier(data)
    other = classifier(data, seed=1)
    assert statistics.seen == len(data)
    assert (first.fingerprint, first.accuracy) == (again.fingerprint, again.accuracy)
    assert first.fingerprint != other.fingerprint
    assert torch.equal(torch.get_rng_state(), state)


def test_held_out_images_never_train_it_and_groups_stay_together(monkeypatch):
    trained: list[int] = []
    fit = maps.fit_head
    monkeypatch.setattr(maps, "fit_head", lambda t, d, i, *a, **o: trained.extend(i.tolist()) or fit(t, d, i, *a, **o))
    found = classifier(made(), group=r"p(\d+)_")
    held = {*range(400)} - {*trained}
    assert len(held) == found.held_out
    assert not {n // 10 for n in held} & {n // 10 for n in trained}


def test_which_data_it_is_for(monkeypatch):
    assert suits(made().spec, 100)
    assert not suits(made().spec, 99)
    assert not suits(made(channels=1).spec, 100)
    assert isinstance(classifier(made(), task=ClassifierTask(images=256)), Classifier)
    monkeypatch.setattr(maps, "installed", lambda: False)
    assert not suits(made().spec, 100)
