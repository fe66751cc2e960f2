"""The network that segments: learns masks, says how well, on images that it was not trained on, and is the same again."""

import numpy as np
import pytest
import torch

import judging_conditions as shapes
from debruit.data.dataset import Dataset
from debruit.images.spec import DataSpec
from debruit.judges.segmentation import trained as module
from debruit.judges.segmentation.find import by_colour, find_segmentation
from debruit.judges.segmentation.network import Segmenter
from debruit.judges.segmentation.trained import trained
from debruit.judges.segmentation.training import shrunk


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("DEBRUIT_CACHE", str(tmp_path))
    monkeypatch.setattr("debruit.judges.segmentation.training.PASSES", 6)
    return tmp_path


def test_it_learns_masks_says_how_well_and_is_the_same_again(cache):
    data, said = shapes.shapes(), []
    state = torch.get_rng_state()
    found = find_segmentation(data, np.arange(300), said.append)
    assert torch.equal(torch.get_rng_state(), state)
    assert found.label == "Segmenter(shapes)"
    assert f"a mean IoU of {found.accuracy:.3f} on 30 images that it was not trained on" in said[-1]
    assert found.accuracy > 0.85
    unseen = np.arange(300, 400)
    segments = found(data.images_of(unseen), data.spec)
    assert segments.dtype == np.uint8
    assert (segments == data.masks[unseen]).mean() > 0.9
    again = find_segmentation(data, np.arange(300), said.append)
    assert again.fingerprint == found.fingerprint
    np.testing.assert_array_equal(again(data.images_of(unseen), data.spec), segments)
    find_segmentation(data, np.arange(200), said.append)
    assert len(list((cache / "segmentations").iterdir())) == 2, "other images, another network"


def test_it_is_measured_on_images_that_it_was_not_trained_on(monkeypatch):
    data, seen = shapes.shapes(), []
    fit = module.fit
    monkeypatch.setattr(module, "fit", lambda d, indices, **o: seen.extend(indices) or fit(d, indices, **o))
    asked = []
    agreement = module._agreement
    monkeypatch.setattr(module, "_agreement", lambda f, d, indices: asked.extend(indices) or agreement(f, d, indices))
    trained(data, np.arange(50, 100), images=64, say=lambda line: None)
    assert (len(seen), len(asked)) == (45, 5)
    assert set(seen) | set(asked) == set(range(50, 100))


@pytest.mark.parametrize(("side", "channels"), [((1, 1), 1), ((5, 3), 2), ((64, 64), 3), ((130, 70), 4)])
def test_images_of_any_size(side, channels):
    images = torch.randint(0, 255, (12, channels, *side), dtype=torch.uint8).numpy()
    masks = np.random.default_rng(0).integers(0, 3, (12, *side)).astype(np.uint8)
    spec = DataSpec(
        name="x", channels=channels, height=side[0], width=side[1], depth="uint8", low=0, high=255, count=12, mask_names=("a", "b", "c"),
        palette=((0, 0, 0), (1, 1, 1), (2, 2, 2)),
    )  # fmt: skip
    data = Dataset(spec, images, paths=[str(n) for n in range(12)], masks=masks)
    found = trained(data, np.arange(12), images=32, say=lambda line: None)
    segments = found(data.images_of(np.arange(5)), spec)
    assert segments.shape == (5, *side)
    assert segments.max() < 3


def test_every_pixel_of_the_network_sees_around_itself_and_no_image_sees_another():
    torch.manual_seed(0)
    network = Segmenter(3, 4).eval()
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
    assert shrunk(masks, (1, 2)).tolist() == [[[7, 0]]]
    assert shrunk(masks, (2, 4)) is masks


def test_only_drawings_of_few_colours_are_segmented_by_colour():
    assert not by_colour(shapes.shapes().spec)
