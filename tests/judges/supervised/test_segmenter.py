"""The network that segments: learns masks, says how well, on images that it was not trained on, and is the same
again."""

from dataclasses import replace

import numpy as np
import pytest
import torch

import judging
import judging_conditions as shapes
from debruit.data.dataset import Dataset
from debruit.data.sources.drawings.colour_words import NAMES, PALETTE
from debruit.images.spec import DataSpec
from debruit.judges.segmentation import by_colour, find_segmentation
from debruit.judges.supervised import fitting
from debruit.judges.supervised import segmenter as module
from debruit.judges.supervised.segmenter import SegmenterTask, resized, segmenter
from debruit.judges.supervised.segmenter_network import SegmenterNetwork


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("DEBRUIT_CACHE", str(tmp_path))
    monkeypatch.setattr("debruit.judges.supervised.segmenter.SegmenterTask.passes", 6)
    return tmp_path


def test_it_learns_masks_says_how_well_and_is_the_same_again(cache):
    data = shapes.shapes()
    state = torch.get_rng_state()
    with judging.lines() as said:
        found = find_segmentation(data, np.arange(300))
    assert torch.equal(torch.get_rng_state(), state)
    assert found.label == "Segmenter(shapes)"
    assert f"a mean IoU of {found.accuracy:.3f} on 30 held-out images" in said[-1]
    assert found.accuracy > 0.85
    unseen = np.arange(300, 400)
    segments = found(data.images_of(unseen), data.spec)
    assert segments.dtype == np.uint8
    assert (segments == data.masks[unseen]).mean() > 0.9
    again = find_segmentation(data, np.arange(300))
    assert again.fingerprint == found.fingerprint
    np.testing.assert_array_equal(again(data.images_of(unseen), data.spec), segments)
    find_segmentation(data, np.arange(200))
    assert len(list((cache / "judges").iterdir())) == 2, "other images, another network"


def test_it_is_measured_on_images_that_it_was_not_trained_on(monkeypatch):
    data, seen = shapes.shapes(), []
    fit, measure_iou, measured = fitting.fit, module.measure_iou, []
    monkeypatch.setattr(fitting, "fit", lambda t, d, indices, **o: seen.extend(indices) or fit(t, d, indices, **o))
    monkeypatch.setattr(
        module, "measure_iou", lambda n, d, indices: measured.extend(indices) or measure_iou(n, d, indices)
    )
    segmenter(data, np.arange(50, 100), task=SegmenterTask(images=64))
    assert (len(seen), len(measured)) == (45, 5)
    assert set(seen) | set(measured) == set(range(50, 100))


@pytest.mark.parametrize(("side", "channels"), [((1, 1), 1), ((5, 3), 2), ((64, 64), 3), ((130, 70), 4)])
def test_images_of_any_size(side, channels):
    images = torch.randint(0, 255, (12, channels, *side), dtype=torch.uint8).numpy()
    masks = np.random.default_rng(0).integers(0, 3, (12, *side)).astype(np.uint8)
    spec = DataSpec(
        name="x",
        channels=channels,
        height=side[0],
        width=side[1],
        depth="uint8",
        low=0,
        high=255,
        count=12,
        mask_names=("a", "b", "c"),
        palette=((0, 0, 0), (1, 1, 1), (2, 2, 2)),
    )
    data = Dataset(spec, images, paths=[str(n) for n in range(12)], masks=masks)
    found = segmenter(data, np.arange(12), task=SegmenterTask(images=32))
    segments = found(data.images_of(np.arange(5)), spec)
    assert segments.shape == (5, *side)
    assert segments.max() < 3


def test_every_pixel_of_the_network_sees_around_itself_and_no_image_sees_another():
    torch.manual_seed(0)
    network = SegmenterNetwork(3, 4).eval()
    x = torch.randn(2, 3, 13, 9)
    first = network(x)
    assert first.shape == (2, 4, 13, 9)
    changed = x.clone()
    changed[1, :, 0, 0] += 1
    second = network(changed)
    assert torch.equal(first[0], second[0])
    assert not torch.equal(first[1], second[1])


def test_masks_are_shrunk_by_nearest_and_keep_their_numbers():
    masks = torch.tensor([[[7, 7, 0, 0], [7, 7, 0, 0]]], dtype=torch.uint8)
    assert resized(masks, (1, 2)).tolist() == [[[7, 0]]]
    assert resized(masks, (2, 4)) is masks


def test_only_drawings_of_few_colours_are_segmented_by_colour():
    assert not by_colour(shapes.shapes().spec)


def test_emoji_of_several_sets_are_segmented_by_the_words_of_their_colours():
    spec = replace(shapes.shapes().spec, name="emoji", channels=3, depth="uint8", mask_names=NAMES, palette=PALETTE)
    assert by_colour(spec)
    assert not by_colour(replace(spec, depth="uint16"))
